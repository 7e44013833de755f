// Damaged texts: every one is refused with a UserError or read as a program that prints and
// verifies.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include "base/error.h"
#include "gir/text/parse.h"
#include "gir/text/print.h"
#include "gir/verify/verify.h"

namespace smeaton::gir {
namespace {

std::vector<std::string> examples() {
    std::vector<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::directory_iterator(SMEATON_SOURCE_DIR "/tests/gir"))
        if (entry.path().extension() == ".gir") paths.push_back(entry.path());
    std::sort(paths.begin(), paths.end());
    std::vector<std::string> out;
    for (const auto& path : paths) {
        std::ifstream in(path);
        std::stringstream text;
        text << in.rdbuf();
        // Data is left out: constants are not what is damaged here.
        std::string line, without;
        while (std::getline(text, line)) without += line.substr(0, line.find(" data ")) + "\n";
        out.push_back(without);
    }
    return out;
}

/// One small change: a byte replaced, dropped or doubled, a number changed, or a line moved.
std::string damaged(std::string text, std::mt19937& random) {
    auto pick = [&](size_t below) {
        return std::uniform_int_distribution<size_t>(0, below - 1)(random);
    };
    static constexpr std::string_view kBytes = "[](){}<>,:;=+-*/% \n\"#_aiov0129";
    size_t at = pick(text.size());
    switch (pick(4)) {
        case 0:
            text[at] = kBytes[pick(kBytes.size())];
            break;
        case 1:
            text.erase(at, 1 + pick(4));
            break;
        case 2:
            text.insert(at, text.substr(at, 1 + pick(12)));
            break;
        default: {
            size_t digit = text.find_first_of("0123456789", at);
            if (digit != std::string::npos) text[digit] = static_cast<char>('0' + pick(10));
        }
    }
    return text;
}

TEST(GirTextFuzz, damaged_texts_are_refused_or_read_back) {
    std::mt19937 random(7);
    std::vector<std::string> texts = examples();
    int refused = 0, read = 0, faulty = 0;
    for (int round = 0; round < 3000; ++round) {
        std::string text = damaged(texts[static_cast<size_t>(round) % texts.size()], random);
        if (round % 3 == 0) text = damaged(text, random);
        try {
            Program p = parse_program(text, "damaged");
            ++read;
            std::string printed = print(p);
            EXPECT_EQ(print(parse_program(printed, "again", large_constants(p))), printed) << text;
            faulty += find_faults(p).empty() ? 0 : 1;
        } catch (const UserError&) {
            ++refused;
        }
    }
    // Both happen; otherwise the damage tells nothing.
    EXPECT_GT(refused, 500);
    EXPECT_GT(read, 500);
    EXPECT_GT(faulty, 100);
}

}  // namespace
}  // namespace smeaton::gir
