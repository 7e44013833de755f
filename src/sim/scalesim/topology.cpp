#include "sim/scalesim/topology.h"

#include <cctype>
#include <charconv>
#include <initializer_list>
#include <sstream>

#include "base/error.h"
#include "base/mapped_file.h"

namespace smeaton::sim::scalesim {

namespace {

std::string trimmed(const std::string& text) {
    const char* blanks = " \t\r\n\"";
    const size_t first = text.find_first_not_of(blanks);
    if (first == std::string::npos) return "";
    return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

bool is_word(const std::string& field) {
    return !field.empty() && std::isalpha(static_cast<unsigned char>(field[0])) != 0;
}

/// Up to the first empty field: published files have remarks behind. A word at the end is one too.
std::vector<std::string> fields_of(const std::string& line) {
    std::vector<std::string> fields;
    std::istringstream in(line);
    for (std::string field; std::getline(in, field, ',');) {
        if (trimmed(field).empty()) break;
        fields.push_back(trimmed(field));
    }
    if (fields.size() > 1 && is_word(fields.back())) fields.pop_back();
    return fields;
}

struct Row {
    const std::string& file;
    int line;
    std::vector<std::string> fields;

    [[noreturn]] void fail(const std::string& message) const {
        throw UserError("{}:{}: {}", file, line, message);
    }
    int64_t number(size_t k) const {
        const std::string& text = fields[k];
        int64_t value = 0;
        auto read = std::from_chars(text.data(), text.data() + text.size(), value);
        constexpr int64_t kMost = int64_t{1} << 40;
        if (read.ec != std::errc() || read.ptr != text.data() + text.size() || value < 1 ||
            value > kMost)
            fail(fmt::format("column {} is '{}'; expected a whole number from 1 on", k + 1, text));
        return value;
    }
    /// Of sizes, so many that sums over a network stay exact.
    int64_t product(std::initializer_list<int64_t> sizes) const {
        constexpr int64_t kMost = int64_t{1} << 56;
        int64_t product = 1;
        for (int64_t size : sizes) {
            if (size > kMost / product)
                fail(fmt::format("its sizes multiply to more than {}", kMost));
            product *= size;
        }
        return product;
    }
    /// Takes off a last column N:M.
    void drop_ratio() {
        const std::string& last = fields.back();
        const size_t colon = last.find(':');
        if (fields.size() < 2 || colon == std::string::npos) return;
        if (last.substr(0, colon) != last.substr(colon + 1))
            fail(fmt::format("sparsity ratio {}: only dense layers are restated", last));
        fields.pop_back();
    }
};

Product convolution(const Row& row) {
    const int64_t h = row.number(1), w = row.number(2), r = row.number(3), s = row.number(4);
    const int64_t channels = row.number(5), filters = row.number(6), stride_h = row.number(7);
    const int64_t stride_w = row.fields.size() > 8 ? row.number(8) : stride_h;
    if (r > h || s > w)
        row.fail(fmt::format("the filter of {}x{} is larger than its input of {}x{}", r, s, h, w));
    auto out = [](int64_t size, int64_t kernel, int64_t stride) {
        return (size - kernel + stride + stride - 1) / stride;
    };
    const bool depthwise = row.fields[0].find("DP") != std::string::npos;
    return {row.fields[0],
            depthwise ? "depthwise convolution" : "convolution",
            row.product({out(h, r, stride_h), out(w, s, stride_w)}),
            filters,
            row.product({r, s, depthwise ? 1 : channels}),
            depthwise ? channels : 1};
}

Product product_of(const Row& row) {
    switch (row.fields.size()) {
        case 4:
            return {row.fields[0], "product", row.number(1), row.number(2), row.number(3), 1};
        case 8:
        case 9:
            return convolution(row);
        default:
            row.fail(
                fmt::format("{} columns; expected a name and M, N, K, or a name and height, "
                            "width, filter height, filter width, channels, filters, stride "
                            "(or two strides)",
                            row.fields.size()));
    }
}

}  // namespace

std::vector<Product> parse_topology(const std::string& csv, const std::string& file) {
    std::istringstream in(csv);
    std::vector<Product> products;
    size_t columns = 0;
    int number = 0;
    for (std::string line; std::getline(in, line);) {
        Row row{file, ++number, fields_of(line)};
        if (number == 1 || row.fields.empty()) continue;  // the heading
        row.drop_ratio();
        const bool matrices = row.fields.size() == 4;
        if (columns > 0 && matrices != (columns == 4))
            row.fail("a file has either products of matrices or convolutions");
        columns = row.fields.size();
        const Product p = product_of(row);
        row.product({p.times, p.m, p.n, p.k});
        products.push_back(p);
    }
    if (products.empty())
        throw UserError("{}: no layer; the first row of a topology file is its heading", file);
    return products;
}

std::vector<Product> read_topology_file(const std::string& path) {
    const MappedFile file = map_file(path);
    return parse_topology({reinterpret_cast<const char*>(file.bytes.data()), file.bytes.size()},
                          path);
}

}  // namespace smeaton::sim::scalesim
