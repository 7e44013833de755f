// The page's style. Light and dark follow the reader's setting.
#pragma once

namespace smeaton::report {

inline constexpr const char* kStyle = R"css(
:root { color-scheme: light dark; --back: #fbfaf7; --ink: #22242a; --soft: #676b75; --line: #dddbd3;
  --card: #ffffff; --compute: #3566b8; --l1: #2f9c86; --l2: #7aa02c; --l3: #c98a1b; --dram: #c2483d;
  --other: #8159a8; --good: #1f7a3d; --bad: #b3261e; }
@media (prefers-color-scheme: dark) {
  :root { --back: #16181d; --ink: #e4e3df; --soft: #9a9ea8; --line: #343842; --card: #1e2128;
    --compute: #6f9be8; --l1: #56c4ac; --l2: #a5cb55; --l3: #e6b04a; --dram: #ec7b6f;
    --other: #b48fd6; --good: #6fcf8f; --bad: #ff8a80; } }
body { background: var(--back); color: var(--ink); font: 15px/1.5 system-ui, sans-serif;
  max-width: 1120px; margin: 2rem auto; padding: 0 1.2rem; }
h1 { margin: 0; font-size: 1.7rem; } h2 { margin: 2.4rem 0 .4rem; font-size: 1.2rem; }
p { margin: .3rem 0 .8rem; max-width: 75ch; } .sub, .note, .legend { color: var(--soft); }
.good { color: var(--good); } .bad { color: var(--bad); font-weight: 600; }
.facts { display: flex; flex-wrap: wrap; gap: .8rem; margin: 1.2rem 0; }
.fact { background: var(--card); border: 1px solid var(--line); border-radius: 8px;
  padding: .6rem .9rem; flex: 1 1 8.5rem; }
.fact b { display: block; font-size: 1.3rem; white-space: nowrap; }
.fact span { color: var(--soft); font-size: .85rem; }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: .88rem; }
th, td { text-align: left; padding: .25rem .6rem .25rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; }
th { color: var(--soft); font-weight: 600; white-space: nowrap; }
.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.ops { display: block; color: var(--soft); font-size: .82rem; min-width: 18rem;
  overflow-wrap: anywhere; }
.nobr { white-space: nowrap; }
.bar { display: inline-block; width: 7rem; height: .7rem; vertical-align: middle; }
.bar span { display: block; height: 100%; border-radius: 2px; min-width: 1px; }
.fill { background: var(--compute); }
.mark { display: inline-block; width: .7rem; height: .7rem; border-radius: 2px;
  margin: 0 .3rem 0 .4rem; }
svg { width: 100%; height: auto; } svg text { font: 12px system-ui, sans-serif; }
.grid { stroke: var(--line); stroke-width: 1; } .tick { fill: var(--soft); }
.label { fill: var(--ink); }
.roof { fill: none; stroke: var(--ink); stroke-width: 2; }
.strip { stroke: var(--back); stroke-width: .6; } .dot { fill-opacity: .65; stroke: var(--back); }
.strip:hover, .dot:hover { fill-opacity: 1; stroke: var(--ink); }
[class*="b-"] { background: var(--other); fill: var(--other); }
.b-compute { background: var(--compute); fill: var(--compute); }
.b-l1 { background: var(--l1); fill: var(--l1); } .b-l2 { background: var(--l2); fill: var(--l2); }
.b-l3 { background: var(--l3); fill: var(--l3); }
.b-dram { background: var(--dram); fill: var(--dram); }
)css";

}  // namespace smeaton::report
