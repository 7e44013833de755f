#include "compare/formats.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>

#include "base/error.h"
#include "base/nearest.h"

namespace smeaton::compare {

namespace {

const char* const kBlocks = "by construction: bits of a block of weights and its scales";
const char* const kFiles = "llama.cpp tools/quantize README: Llama-3.1-8B, whose file mixes types";

const std::vector<Format>& table() {
    static const std::vector<Format> formats = {
        {"fp32", {32, 32, 32}, "fp32", "fp32", kBlocks},
        {"tf32", {32, 32, 32}, "tf32", "tf32", kBlocks},
        {"fp16", {16, 16, 16}, "fp16", "fp16", kBlocks},
        {"bf16", {16, 16, 16}, "bf16", "bf16", kBlocks},
        {"fp8", {8, 8, 8}, "fp8", "fp16", kBlocks},
        {"int8", {8, 8, 16}, "int8", "fp16", kBlocks},
        {"mxfp8", {8.25, 8, 8}, "fp8", "fp16", kBlocks},
        {"fp4", {4.5, 4.5, 8}, "fp4", "fp16", "NVFP4: 16 of 4 bits and a scale of 8"},
        {"mxfp4", {4.25, 16, 16}, "fp16", "fp16", "32 of 4 bits and a scale of 8"},
        {"int4", {4.15625, 16, 16}, "fp16", "fp16", "groups of 128: scale of 16, zero of 4 bits"},
        {"q4_0", {4.5, 16, 16}, "fp16", "fp16", kBlocks},
        {"q4_1", {5, 16, 16}, "fp16", "fp16", kBlocks},
        {"q5_0", {5.5, 16, 16}, "fp16", "fp16", kBlocks},
        {"q5_1", {6, 16, 16}, "fp16", "fp16", kBlocks},
        {"q8_0", {8.5, 16, 16}, "fp16", "fp16", kBlocks},
        {"q2_k", {3.16, 16, 16}, "fp16", "fp16", kFiles},
        {"q3_k_m",
         {4.0, 16, 16},
         "fp16",
         "fp16",
         "llama.cpp PR 6745: Llama-3-70B, 31.9 GiB, rounded up"},
        {"q4_k_m", {4.89, 16, 16}, "fp16", "fp16", kFiles},
        {"q5_k_m", {5.68, 16, 16}, "fp16", "fp16", "llama.cpp PR 6745: Llama-3-70B, 46.5 GiB"},
        {"q6_k", {6.56, 16, 16}, "fp16", "fp16", kFiles},
    };
    return formats;
}

double bits_of(const std::string& text, const std::string& key, const std::string& word) {
    double value = 0;
    const char* end = word.data() + word.size();
    const auto [rest, error] = std::from_chars(word.data(), end, value);
    if (error != std::errc() || rest != end || !std::isfinite(value) || value < 0 || value > 1e6)
        throw UserError("--bits {}: '{}' must be a number, got '{}'", text, key, word);
    return value;
}

/// What products of these operands compute in.
std::string peak_of(double weights, double activations, const std::string& stated) {
    const double wider = std::max(weights, activations);
    if (wider > 16) return stated == "tf32" ? "tf32" : "fp32";
    if (wider > 8) return stated == "bf16" ? "bf16" : "fp16";
    if (wider > 4.5) return stated == "int8" ? "int8" : "fp8";
    return stated == "int4" ? "int4" : "fp4";
}

}  // namespace

std::vector<std::string> format_names() {
    std::vector<std::string> names;
    for (const Format& f : table()) names.push_back(f.name);
    return names;
}

Format format_named(const std::string& name) {
    for (const Format& f : table())
        if (f.name == name) {
            Format found = f;
            found.base = name;
            return found;
        }
    std::string all;
    for (const std::string& n : format_names()) all += (all.empty() ? "" : ", ") + n;
    throw UserError("format '{}' is unknown{}; there are {}", name,
                    nearest_hint(name, format_names()), all);
}

std::string Sparsity::text() const {
    if (of > 0) return fmt::format("{}:{}", kept, of);
    return any() ? fmt::format("{:g}%", 100 * share) : "";
}

Sparsity parse_sparsity(const std::string& text) {
    auto whole = [](std::string_view word) {
        int value = -1;
        const auto [rest, error] = std::from_chars(word.data(), word.data() + word.size(), value);
        return error == std::errc() && rest == word.data() + word.size() ? value : -1;
    };
    const std::string_view all = text;
    const size_t colon = all.find(':');
    Sparsity s;
    if (colon != std::string_view::npos) {
        s.kept = whole(all.substr(0, colon));
        s.of = whole(all.substr(colon + 1));
        if (s.kept >= 1 && s.of > s.kept && s.of <= 64) {
            s.share = 1 - static_cast<double>(s.kept) / s.of;
            return s;
        }
    } else if (all.ends_with('%')) {
        double percent = 0;
        const char* end = all.data() + all.size() - 1;
        const auto [rest, error] = std::from_chars(all.data(), end, percent);
        if (error == std::errc() && rest == end && percent > 0 && percent < 100) {
            s.share = percent / 100;
            return s;
        }
    }
    throw UserError(
        "--sparsity {}: expected N:M, N weights kept of each M (2:4), or the per cent that is zero "
        "(50%)",
        text);
}

double pruned_bits(const Sparsity& s, double bits) {
    if (s.of == 0) return bits;
    const double place = std::ceil(std::log2(s.of));
    return (bits + place) * s.kept / s.of;
}

void override_bits(const std::string& text, Format& format) {
    std::map<std::string, double> given;
    for (size_t at = 0; at <= text.size();) {
        const size_t comma = std::min(text.find(',', at), text.size());
        const std::string part = text.substr(at, comma - at);
        const size_t is = part.find('=');
        const std::string key = part.substr(0, is);
        static const std::vector<std::string> keys = {"w", "a", "kv", "group", "scale", "zero"};
        if (is == std::string::npos || std::find(keys.begin(), keys.end(), key) == keys.end())
            throw UserError(
                "--bits {}: expected w=, a=, kv= and, of groups of weights, group=, "
                "scale=, zero=, got '{}'",
                text, part);
        given[key] = bits_of(text, key, part.substr(is + 1));
        at = comma + 1;
    }
    Bits& bits = format.bits;
    for (const char* key : {"w", "a", "kv"})
        if (given.contains(key) && (given[key] < 1 || given[key] > 64))
            throw UserError("--bits {}: '{}' must be 1 to 64 bits", text, key);
    if (given.contains("w")) bits.weights = given["w"];
    if (given.contains("a")) bits.activations = given["a"];
    if (given.contains("kv")) bits.cache = given["kv"];
    if (given.contains("w") || given.contains("a")) {
        format.base.clear();
        format.peak = peak_of(bits.weights, bits.activations, format.peak);
    }
    if (given.contains("group")) {
        if (given["group"] < 1) throw UserError("--bits {}: 'group' must be at least 1", text);
        const double scale = given.contains("scale") ? given["scale"] : 16;
        bits.weights += (scale + given["zero"]) / given["group"];
    }
    format.name += " (" + text + ")";
}

}  // namespace smeaton::compare
