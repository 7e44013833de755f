#include "random_program.h"

#include <fmt/core.h>

#include <random>
#include <vector>

namespace smeaton::emitted {

namespace {

struct Shape {
    std::vector<int64_t> extents;
};

class Generator {
public:
    explicit Generator(uint64_t seed) : random_(seed) {}

    std::string run(int kernels) {
        for (int i = 0; i < kernels; ++i) {
            id_ = i;
            switch (pick(0, 11)) {
                case 0:
                    pointwise_nest();
                    break;
                case 1:
                    tile_chain();
                    break;
                case 2:
                    product();
                    break;
                case 3:
                    tiled_product();
                    break;
                case 4:
                    reduction();
                    break;
                case 5:
                    shifted_window();
                    break;
                case 6:
                    gather();
                    break;
                case 7:
                    scatter();
                    break;
                case 8:
                    sort();
                    break;
                case 9:
                    clipped_loops();
                    break;
                case 10:
                    phases();
                    break;
                default:
                    relayout();
                    break;
            }
        }
        return "program fuzz\n" + buffers_ + steps_ + kernels_;
    }

private:
    int64_t pick(int64_t lo, int64_t hi) {
        return lo + static_cast<int64_t>(random_() % static_cast<uint64_t>(hi - lo + 1));
    }
    bool chance(int percent) { return pick(1, 100) <= percent; }
    std::string one_of(const std::vector<std::string>& list) {
        return list[static_cast<size_t>(pick(0, static_cast<int64_t>(list.size()) - 1))];
    }
    int64_t extent() { return chance(15) ? 16 : chance(15) ? pick(30, 70) : pick(1, 20); }
    std::string dtype() {
        return chance(70) ? "f32" : one_of({"f64", "i32", "i64", "i8", "u8", "i16"});
    }

    /// Layouts permute dims, split one, and put a border around some.
    std::string layout(const Shape& s) {
        if (chance(40) || s.extents.empty()) return "";
        std::vector<std::string> dims;
        for (size_t d = 0; d < s.extents.size(); ++d) dims.push_back(fmt::format("d{}", d));
        std::string blocked;
        if (chance(60)) {
            auto d = static_cast<size_t>(pick(0, static_cast<int64_t>(dims.size()) - 1));
            int64_t block = pick(1, 3) == 1 ? 16 : pick(2, 9);
            blocked = fmt::format("d{}%{}", d, block);
            dims[d] = fmt::format("d{}/{}", d, block);
        }
        for (size_t i = dims.size(); i > 1; --i)
            if (chance(40))
                std::swap(dims[i - 1],
                          dims[static_cast<size_t>(pick(0, static_cast<int64_t>(i) - 1))]);
        for (std::string& d : dims)
            if (d.find('/') == std::string::npos && chance(25))
                d = fmt::format("{}+{}+{}", pick(1, 2), d, pick(1, 2));
        std::string text;
        for (const std::string& d : dims) text += (text.empty() ? "" : ", ") + d;
        if (!blocked.empty()) text += ", " + blocked;
        return fmt::format(" [{}] border 0.0", text);
    }

    std::string buffer(const std::string& stem, const std::string& type, const Shape& s,
                       const std::string& life, bool plain = false) {
        std::string name = fmt::format("{}{}", stem, id_), dims;
        for (size_t d = 0; d < s.extents.size(); ++d)
            dims += fmt::format("{}d{}: {}", d ? ", " : "", d, s.extents[d]);
        std::string how = plain ? "" : layout(s);
        if (type != "f32" && type != "f64" && !how.empty())
            how.replace(how.find("border 0.0"), 10, "border 0");
        buffers_ += fmt::format("  buffer {}: memory {}[{}] {}{}\n", name, type, dims, life, how);
        return name;
    }

    /// `reads` and `y` are names of buffers.
    void kernel(const std::string& reads, const std::string& y, const std::string& body) {
        steps_ += fmt::format("  run k{}({} -> {})\n", id_, reads, y);
        kernels_ += fmt::format("\nkernel k{}({} -> {})\n{}", id_, reads, y, body);
    }

    std::string binary(const std::string& type) {
        bool is_float = type[0] == 'f';
        return is_float ? one_of({"add", "sub", "mul", "max", "min"})
                        : one_of({"add", "sub", "mul", "max", "min"});
    }
    std::string unary(const std::string& type) {
        if (type == "f32")
            return one_of({"relu", "neg", "abs", "exp", "tanh", "sigmoid", "erf", "floor", "round",
                           "sin", "sign"});
        if (type == "f64") return one_of({"relu", "neg", "abs", "exp", "ceil", "trunc"});
        return type[0] == 'u' ? one_of({"relu", "sign"}) : one_of({"relu", "neg", "abs", "sign"});
    }

    // ---- kernels ----

    /// parallels over scalars: what lowering gives.
    void pointwise_nest() {
        Shape s;
        for (int64_t r = pick(1, 4); r-- > 0;) s.extents.push_back(extent() % 12 + 1);
        std::string type = dtype();
        std::string x = buffer("x", type, s, "input"), z = buffer("z", type, s, "input"),
                    y = buffer("y", type, s, "output");
        std::string axes, at, shifted;
        for (size_t d = 0; d < s.extents.size(); ++d) {
            axes += fmt::format("{}a{}: {}", d ? ", " : "", d, s.extents[d]);
            at += fmt::format("{}a{}", d ? "," : "", d);
            shifted += fmt::format("{}{}-a{}", d ? "," : "", s.extents[d] - 1, d);
        }
        kernel(x + ", " + z, y,
               fmt::format("  parallel {} {}\n    let t: local {}[]\n    move t[] <- {}[{}]\n    "
                           "unary {} t[] <- t[]\n"
                           "    binary {} t[] <- t[], {}[{}]\n    move {}[{}] <- t[]\n",
                           axes, one_of({"any", "core"}), type, x, at, unary(type), binary(type), z,
                           shifted, y, at));
    }

    /// A chain over a tile of odd size, with a broadcast row and a select.
    void tile_chain() {
        int64_t m = pick(1, 6), n = extent(), k = pick(1, 5);
        std::string type = dtype(), level = one_of({"reg", "l1", "local"});
        std::string x = buffer("x", type, {{k, m, n}}, "input"),
                    r = buffer("r", type, {{n}}, "input"),
                    y = buffer("y", type, {{k, m, n}}, "output");
        std::string lanes = chance(75) ? " lanes" : "";
        if (level == "reg" && (lanes.empty() || m * n > 256)) level = "l1";
        std::string body = fmt::format("  parallel i: {} core\n    let t: {} {}[p: {}, v: {}{}]\n",
                                       k, level, type, m, n, lanes);
        body += fmt::format("    let c: {} bool[p: {}, v: {}{}]\n", level, m, n, lanes);
        body += fmt::format("    move t[p,v] <- {}[i,p,v]\n", x);
        body += fmt::format("    binary {} t[p,v] <- t[p,v], {}[v]\n", binary(type), r);
        body += fmt::format("    binary {} c[p,v] <- {}[i,p,v], {}[v]\n",
                            one_of({"lt", "ge", "eq"}), x, r);
        if (type[0] != 'f')
            body += fmt::format("    binary {} t[p,v] <- t[p,v], {}\n",
                                one_of({"idiv", "imod", "fmod"}), pick(1, 5));
        body += fmt::format("    unary {} t[p,v] <- t[p,v]\n", unary(type));
        body += fmt::format("    select t[p,v] <- c[p,v], t[p,v], {}\n",
                            chance(50) ? "1" : fmt::format("{}[v]", r));
        body += fmt::format("    move {}[i,p,v] <- t[p,v]\n", y);
        kernel(x + ", " + r, y, body);
    }

    /// One mma straight on memory, any dim order.
    void product() {
        int64_t b = pick(1, 3), m = pick(1, 9), n = extent(), k = extent();
        std::string type = chance(80) ? "f32" : one_of({"f64", "i32", "i64"});
        bool flip = chance(50);
        std::string x = buffer("x", type, {{b, m, k}}, "input"),
                    w = buffer("w", type, flip ? Shape{{n, k}} : Shape{{k, n}}, "input");
        std::string y = buffer("y", type, {{b, m, n}}, "output");
        std::string body = fmt::format(
            "  parallel i: {} any\n    fill {}[i,m,n] <- 0 over m: {}, n: {}\n", b, y, m, n);
        body += fmt::format("    mma {}[i,m,n] += {}[i,m,k] * {}[{}] over m: {}, n: {}, k: {}\n", y,
                            x, w, flip ? "n,k" : "k,n", m, n, k);
        kernel(x + ", " + w, y, body);
    }

    /// Register accumulators, an explicit loop, claims, a tail.
    void tiled_product() {
        int64_t mt = pick(1, 4), m = pick(1, 7), nt = pick(1, 3),
                n = chance(50) ? 16 * pick(1, 3) : extent(), k = pick(1, 4), kk = pick(1, 3);
        bool batch = chance(25), in_rows = chance(30);
        std::string x = buffer("x", "f32", {{mt * m, k * kk, batch ? nt * n : 1}}, "input"),
                    w = buffer("w", "f32", {{k * kk, nt * n}}, "input");
        std::string bias = buffer("b", "f32", {{nt * n}}, "input", true),
                    y = buffer("y", "f32", {{mt * m, nt * n}}, "output");
        std::string body = fmt::format("  claim xs: l2 f32[m: {}, k: {}, v: {}] <- {}[m,k,v]\n",
                                       mt * m, k * kk, batch ? nt * n : 1, x);
        body += fmt::format(
            "  parallel n0: {} core\n    claim panel: l2 f32[k: {}, n: {}] <- "
            "{}[k,n0*{}+n]\n",
            nt, k * kk, n, w, n);
        body += fmt::format(
            "    for m0: {}\n      let acc: reg f32[m: {}, n: {} lanes]\n      move acc[m,n] <- "
            "{}[n0*{}+n]\n",
            mt, m, n, bias, n);
        std::string a =
            fmt::format("xs[m0*{}+m,k*{}+j,{}]", m, kk, batch ? fmt::format("n0*{}+n", n) : "0");
        body += fmt::format(
            "      for k: {}\n        mma acc[m,n] += {} * panel[k*{}+j,n] over j: {}\n", k,
            in_rows ? a : a, kk, kk);
        body += fmt::format(
            "      unary {} acc[m,n] <- acc[m,n]\n      move {}[m0*{}+m,n0*{}+n] <- acc[m,n]\n",
            one_of({"relu", "abs", "tanh"}), y, m, n);
        kernel(x + ", " + w + ", " + bias, y, body);
    }

    void reduction() {
        std::string type = dtype(), fn = one_of({"add", "max", "min"});
        int64_t a = pick(1, 6), b = extent(), c = extent();
        std::string x = buffer("x", type, {{a, b, c}}, "input"),
                    y = buffer("y", type, {{a, chance(50) ? b : c}}, "output");
        bool keep_b = buffers_.rfind(fmt::format("d1: {}]", b)) == buffers_.rfind("d1: ");
        std::string level = one_of({"l1", "local"});
        std::string body = fmt::format("  parallel i: {} any\n", a);
        std::string kept = keep_b ? "b" : "c";
        if (chance(50)) {
            body +=
                fmt::format("    let row: {} {}[b: {}, c: {}{}]\n    move row[b,c] <- {}[i,b,c]\n",
                            level, type, b, c, chance(70) ? " lanes" : "", x);
            body += fmt::format("    reduce {} {}[i,{}] <- row[b,c]\n", fn, y, kept);
            if (chance(40))
                body += fmt::format("    reduce {} {}[i,{}] += row[b,c]\n", fn, y, kept);
        } else {
            body += fmt::format(
                "    let m: reg {}[]\n    reduce {} m[] <- {}[i,b,c] over b: {}, c: {}\n", type, fn,
                x, b, c);
            body += fmt::format("    move {}[i,v] <- m[] over v: {}\n", y, keep_b ? b : c);
        }
        kernel(x, y, body);
    }

    /// Strided, dilated windows with bounds: what convolution and pooling need.
    void shifted_window() {
        int64_t h = pick(1, 12), w = extent(), r = pick(1, 3), s = pick(1, 4), stride = pick(1, 2),
                dilation = pick(1, 2), c = pick(1, 20);
        int64_t pad = pick(0, 2), oh = pick(1, 6), ow = pick(1, 20);
        std::string x = buffer("x", "f32", {{c, h, w}}, "input"),
                    f = buffer("f", "f32", {{c, r, s}}, "input"),
                    y = buffer("y", "f32", {{c, oh, ow}}, "output");
        auto at = [&](const char* o, const char* t) {
            return fmt::format("{}*{}+{}*{}-{}", o, stride, t, dilation, pad);
        };
        std::string slice =
            fmt::format("{}[c,{},{}] within (0 <= {} < {}, 0 <= {} < {}) else {}", x, at("oh", "r"),
                        at("ow", "s"), at("oh", "r"), h, at("ow", "s"), w, one_of({"0.0", "-1.5"}));
        std::string body;
        switch (pick(0, 2)) {
            case 0:
                body = fmt::format(
                    "  parallel c: {}, oh: {}, ow: {} any\n    let t: local f32[]\n    fill t[] <- "
                    "0\n    mma t[] += {} * {}[c,r,s] over r: {}, s: {}\n    move {}[c,oh,ow] <- "
                    "t[]\n",
                    c, oh, ow, slice, f, r, s, y);
                break;
            case 1:
                body = fmt::format(
                    "  parallel oh: {} core\n    for ow: {}\n      let t: reg f32[c: {} lanes]\n   "
                    "   fill t[c] <- 0\n      for r: {}, s: {}\n        mma t[c] += {} * "
                    "{}[c,r,s]\n      move {}[c,oh,ow] <- t[c]\n",
                    oh, ow, c, r, s, slice, f, y);
                break;
            default:
                body = fmt::format(
                    "  parallel c: {}, oh: {} core\n    reduce max {}[c,oh,ow] <- {} over ow: {}, "
                    "r: {}, s: {}\n",
                    c, oh, y, slice, ow, r, s);
                return kernel(x, y, body);
        }
        kernel(x + ", " + f, y, body);
    }

    void gather() {
        int64_t rows = pick(1, 30), n = extent(), count = pick(1, 20);
        std::string type = dtype();
        std::string table = buffer("t", type, {{rows, n}}, "input"),
                    y = buffer("y", type, {{count, n}}, "output");
        std::string ids = fmt::format("ids{}_{}", id_, rows), index_type = one_of({"i64", "i32"});
        buffers_ += fmt::format("  buffer {}: memory {}[d0: {}] input\n", ids, index_type, count);
        std::string body;
        if (chance(50))
            body = fmt::format("  parallel i: {} any\n    move {}[i,e] <- {}[{}[i],e] over e: {}\n",
                               count, y, table, ids, n);
        else if (chance(50))
            body = fmt::format("  parallel e: {} any\n    move {}[i,e] <- {}[{}[i],e] over i: {}\n",
                               n, y, table, ids, count);
        else
            body = fmt::format(
                "  parallel i: {0} core\n    let id: local {5}[]\n    move id[] <- {3}[i]\n    "
                "check {3}[i] \"never\"\n    binary min id[] <- id[], {6}\n    move {1}[i,e] <- "
                "{2}[id[],e] within (1 <= e) else 3 over e: {4}\n",
                count, y, table, ids, n, index_type, rows - 1);
        // A check that holds for any value.
        size_t never = body.find("check");
        if (never != std::string::npos)
            body.replace(never, body.find('\n', never) - never, "check 1 \"never\"");
        kernel(ids + ", " + table, y, body);
    }

    void scatter() {
        int64_t rows = pick(1, 12), n = extent(), count = pick(1, 20);
        std::string type = chance(60) ? "f32" : "i32", fn = one_of({"add", "set", "max", "mul"});
        std::string u = buffer("u", type, {{count, n}}, "input"),
                    y = buffer("y", type, {{rows, n}}, "output");
        std::string ids = fmt::format("ids{}_{}", id_, rows);
        buffers_ += fmt::format("  buffer {}: memory i64[d0: {}] input\n", ids, count);
        kernel(u + ", " + ids, y,
               fmt::format("  fill {0}[r,e] <- 1 over r: {1}, e: {2}\n  scatter {3} {0}[{4}[i],e] "
                           "<- {5}[i,e] over i: {6}, e: {2}\n",
                           y, rows, n, fn, ids, u, count));
    }

    void sort() {
        int64_t rows = pick(1, 5), n = extent();
        std::string type = one_of({"f32", "i32", "f64"});
        std::string x = buffer("x", type, {{rows, n}}, "input"),
                    y = buffer("y", type, {{rows, n}}, "output");
        std::string z = buffer("z", "i64", {{rows, n}}, "output", true);
        kernel(x, y + ", " + z,
               fmt::format("  parallel i: {0} any\n    let key: l1 {1}[v: {2}]\n    let at: l1 "
                           "i64[v: {2}]\n    move key[v] <- {3}[i,v]\n    iota at[v] <- v*2+i\n"
                           "    sort {4} key[v], at[v] along v\n    move {5}[i,v] <- key[v]\n    "
                           "move {6}[i,v] <- at[v]\n",
                           rows, type, n, x, one_of({"asc", "desc"}), y, z));
    }

    /// Loops with affine ends, unrolled or not.
    void clipped_loops() {
        int64_t n = pick(3, 30), m = pick(1, 8), step = pick(1, 4);
        std::string x = buffer("x", "f32", {{n}}, "input"), y = buffer("y", "f32", {{m}}, "output");
        kernel(x, y,
               fmt::format("  parallel i: {0} any\n    let t: local f32[]\n    fill t[] <- 0\n    "
                           "for j: {1} from i*{2}-1 to i*{2}+3{3}\n      binary add t[] <- t[], "
                           "{4}[j]\n    move {5}[i] <- t[]\n",
                           m, n, step, chance(50) ? " unroll 2" : "", x, y));
    }

    /// Partial results of parallel iterations, combined behind them.
    void phases() {
        int64_t parts = pick(1, 9), n = extent();
        std::string type = one_of({"f32", "i64"});
        std::string x = buffer("x", type, {{parts, n}}, "input"),
                    y = buffer("y", type, {{parts, n}}, "output");
        std::string lanes = chance(50) ? " lanes" : "";
        kernel(x, y,
               fmt::format("  let part: l2 {0}[i: {1}{5}]\n  let all: reg {0}[]\n  parallel i: {1} "
                           "core\n    let m: reg {0}[]\n    reduce max m[] <- {2}[i,v] over v: "
                           "{3}\n    move part[i] <- m[]\n"
                           "  reduce add all[] <- part[i]\n  parallel i: {1} core\n    binary sub "
                           "{4}[i,v] <- {2}[i,v], all[] over v: {3}\n",
                           type, parts, x, n, y, lanes));
    }

    /// One move between any two layouts, casts included.
    void relayout() {
        Shape s;
        for (int64_t r = pick(1, 4); r-- > 0;) s.extents.push_back(extent());
        while (s.extents.size() > 2 && s.extents[0] * s.extents[1] * s.extents[2] > 20000)
            s.extents.pop_back();
        std::string from =
            one_of({"f32", "f32", "i8", "u8", "i32", "i64", "f64", "bool", "f16", "bf16"});
        std::string to =
            chance(50)
                ? from
                : one_of({"f32", "i8", "i32", "i64", "f64", "bool", "u8", "f16", "bf16", "u32"});
        std::string x = buffer("x", from, s, "input", from == "bool"),
                    y = buffer("y", to, s, "output", to == "bool");
        std::string at, over, back;
        for (size_t d = 0; d < s.extents.size(); ++d) {
            at += fmt::format("{}a{}", d ? "," : "", d);
            back += d + 1 == s.extents.size() && chance(20)
                        ? fmt::format("{}{}-a{}", d ? "," : "", s.extents[d] - 1, d)
                        : fmt::format("{}a{}", d ? "," : "", d);
            if (d > 0) over += fmt::format("{}a{}: {}", d > 1 ? ", " : "", d, s.extents[d]);
        }
        kernel(x, y,
               fmt::format("  parallel a0: {} core\n    {} {}[{}] <- {}[{}]{}{}\n", s.extents[0],
                           from == to ? "move" : "unary cast", y, at, x, back,
                           over.empty() ? "" : " over ", over));
    }

    std::mt19937_64 random_;
    int id_ = 0;
    std::string buffers_, steps_, kernels_;
};

}  // namespace

std::string random_program(uint64_t seed, int kernels) {
    return Generator(seed).run(kernels);
}

}  // namespace smeaton::emitted
