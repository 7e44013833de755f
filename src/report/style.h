// The page's style and its one script. Light and dark follow the reader's setting.
#pragma once

namespace smeaton::report {

inline constexpr const char* kStyle = R"css(
:root { color-scheme: light dark; --back: #fbfaf7; --ink: #22242a; --soft: #5f636d; --line: #dddbd3;
  --card: #ffffff; --compute: #3566b8; --l1: #2f9c86; --l2: #7aa02c; --l3: #c98a1b; --dram: #c2483d;
  --other: #8159a8; --good: #1f7a3d; --bad: #b3261e; }
@media (prefers-color-scheme: dark) {
  :root { --back: #16181d; --ink: #e4e3df; --soft: #a3a7b1; --line: #343842; --card: #1e2128;
    --compute: #6f9be8; --l1: #56c4ac; --l2: #a5cb55; --l3: #e6b04a; --dram: #ec7b6f;
    --other: #b48fd6; --good: #6fcf8f; --bad: #ff8a80; } }
*, *::before { box-sizing: border-box; }
body { background: var(--back); color: var(--ink); font: 15px/1.55 system-ui, sans-serif;
  max-width: 1200px; margin: 2rem auto 4rem; padding: 0 1.2rem; overflow-wrap: break-word; }
h1 { margin: 0; font-size: 1.75rem; line-height: 1.2; }
h2 { margin: 2.6rem 0 .4rem; font-size: 1.2rem; }
h3 { margin: .8rem 0 .2rem; font-size: .85rem; color: var(--soft); }
p { margin: .3rem 0 .8rem; max-width: 75ch; } .sub, .note, .legend, .by { color: var(--soft); }
.sub { margin-top: .3rem; max-width: none; }
.verdict { font-size: 1.15rem; max-width: 68ch; margin: 1.1rem 0; }
.good { color: var(--good); } .bad { color: var(--bad); font-weight: 600; }
nav { display: flex; flex-wrap: wrap; gap: .2rem 1rem; margin: 1.2rem 0; padding: .5rem 0;
  border: solid var(--line); border-width: 1px 0; font-size: .9rem; }
a { color: var(--compute); text-decoration: none; } a:hover { text-decoration: underline; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(10.5rem, 1fr)); gap: .7rem;
  margin: 1.2rem 0; }
.fact { background: var(--card); border: 1px solid var(--line); border-radius: 8px;
  padding: .6rem .9rem; }
.fact b { display: block; font-size: 1.3rem; white-space: nowrap; }
.fact span { color: var(--soft); font-size: .85rem; line-height: 1.35; display: block; }
data { font-variant-numeric: tabular-nums; white-space: nowrap; }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: .875rem; }
th, td { text-align: left; padding: .28rem .9rem .28rem 0; border-bottom: 1px solid var(--line);
  vertical-align: baseline; }
th:last-child, td:last-child { padding-right: .2rem; }
th { color: var(--soft); font-weight: 600; vertical-align: bottom; }
.plain { width: auto; min-width: min(100%, 26rem); }
.n { text-align: right; white-space: nowrap; } th.n { white-space: normal; }
th button { all: unset; cursor: pointer; } th button:hover, th[aria-sort] { color: var(--ink); }
th button:focus-visible { outline: 2px solid var(--compute); outline-offset: 2px; }
th[aria-sort="ascending"] button::after { content: " ↑"; }
th[aria-sort="descending"] button::after { content: " ↓"; }
td .word { overflow-wrap: anywhere; }
.pairs tbody tr:first-child td { border-bottom: 0; padding-bottom: 0; }
.more td { padding-top: 0; } .more summary { color: var(--soft); font-size: .82rem; }
summary { cursor: pointer; } .rest { margin-top: .4rem; }
.texts { contain: inline-size; padding: 0 0 .6rem 1rem; }
pre { background: var(--card); border: 1px solid var(--line); border-radius: 6px; margin: 0;
  padding: .6rem .8rem; font: 12px/1.5 ui-monospace, monospace; overflow-x: auto; }
.nobr { white-space: nowrap; }
.bar { display: inline-block; width: 7rem; height: .7rem; vertical-align: baseline; }
.bar span { display: block; height: 100%; border-radius: 2px; min-width: 1px; }
.fill { background: var(--compute); }
.mark { display: inline-block; width: .7rem; height: .7rem; border-radius: 2px;
  margin: 0 .3rem 0 .1rem; }
.legend .nobr { margin-left: .7rem; }
.chart { margin: .4rem 0 1rem; } .chart.side { padding-left: 3.4rem; }
.chart svg { display: block; overflow: visible; } .chart text { font: 12px system-ui, sans-serif; }
.grid { stroke: var(--line); stroke-width: 1; } .tick { fill: var(--soft); }
.label { fill: var(--ink); }
.halo { paint-order: stroke; stroke: var(--back); stroke-width: 4px; stroke-linejoin: round; }
.roof { stroke: var(--ink); stroke-width: 2; }
.most { stroke: var(--soft); stroke-width: 1; stroke-dasharray: 4 3; }
.strip { stroke: var(--back); stroke-width: .6; } .gap { fill: none; stroke: none; } .thin { stroke: none; } .dot { fill-opacity: .65; stroke: var(--back); }
.alive { fill: var(--compute); fill-opacity: .55; }
.strip:hover, .dot:hover, .alive:hover { fill-opacity: 1; stroke: var(--ink); }
[class*="b-"] { background: var(--other); fill: var(--other); }
.b-compute { background: var(--compute); fill: var(--compute); }
.gap { fill: transparent; } .b-l1 { background: var(--l1); fill: var(--l1); } .b-l2 { background: var(--l2); fill: var(--l2); }
.b-l3 { background: var(--l3); fill: var(--l3); }
.b-dram { background: var(--dram); fill: var(--dram); }
.graph { display: block; margin: 0 auto; } .graph text { fill: var(--ink); font-size: 10.5px; }
.graph .node path { stroke: var(--line); fill: var(--compute); fill-opacity: 0; }
.graph .heat1 path { fill-opacity: .08; } .graph .heat2 path { fill-opacity: .18; }
.graph .heat3 path { fill-opacity: .28; } .graph .heat4 path { fill-opacity: .38; }
.graph .heat5 path { fill-opacity: .48; }
.graph .edge path { stroke: var(--soft); }
.graph .edge polygon { stroke: var(--soft); fill: var(--soft); }
@media (max-width: 700px) {
  body { margin-top: 1.2rem; padding: 0 .9rem; } .tick.odd { display: none; }
  .verdict { font-size: 1.05rem; } .bar { width: 4rem; }
  .facts { grid-template-columns: 1fr 1fr; } .fact b { font-size: 1.1rem; }
  .wide td:first-child, .wide th:first-child { min-width: 11rem; } th.n { white-space: nowrap; }
  .more td:first-child > details > summary { max-width: calc(100vw - 2.5rem); } }
@media print { nav { display: none; } .wide { overflow: visible; } }
)css";

// Headings of tables become buttons that sort; figures by their value, words as words.
inline constexpr const char* kScript = R"js(
for (const table of document.querySelectorAll("table.sort")) {
  const pairs = table.classList.contains("pairs");
  const heads = [...table.tHead.rows[0].cells];
  const key = (item, column) => {
    const cell = (pairs ? item.rows[0] : item).cells[column], figure = cell.querySelector("data");
    return figure ? Number(figure.value) : cell.textContent;
  };
  heads.forEach((head, column) => {
    if (!head.textContent) return;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const was = head.getAttribute("aria-sort");
      const down = was ? was === "ascending" : head.classList.contains("n");
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const items = pairs ? [...table.tBodies] : [...table.tBodies[0].rows];
      const keyed = items.map((item) => [key(item, column), item]);
      keyed.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0) * (down ? -1 : 1));
      (pairs ? table : table.tBodies[0]).append(...keyed.map(([, item]) => item));
    });
  });
}
)js";

}  // namespace smeaton::report
