#include "report/verdict.h"

#include <gmock/gmock.h>

namespace smeaton::report {
namespace {

using driver::StudyResult;
using testing::ElementsAre;
using testing::HasSubstr;

/// 53 convolutions, twelve of which take two thirds of the time.
StudyResult usual() {
    StudyResult r;
    r.summary.model = "/models/resnet50/model.onnx";
    r.host.cpu = "AMD EPYC 7B13";
    r.measured.threads = 2;
    r.measured.latency_ms.median = 73.8;
    r.peer.ran = true;
    r.peer.ratio = 0.842;
    r.peer.ratio_low = 0.82;
    r.peer.ratio_high = 0.86;
    r.prediction_error = -0.12;
    r.verdict.op = "Conv";
    r.verdict.kernels = 12;
    r.verdict.of = 53;
    r.verdict.share = 0.67;
    r.verdict.reached = 0.6;
    r.verdict.bound = "compute";
    r.verdict.best_bandwidth = "dram";
    r.verdict.best_bandwidth_gain = 0.08;
    r.what_ifs.base_ms = 65;
    r.what_ifs.rows = {{"bandwidth", "l2", 64, 0.015},
                       {"bandwidth", "dram", 60, 0.08},
                       {"cores", "", 38, 0.41},
                       {"peak", "", 45, 0.3}};
    return r;
}

TEST(Verdict, ThreeSentencesThatAManagerReads) {
    EXPECT_THAT(verdict_sentences(usual()),
                ElementsAre("resnet50 takes 73.8 ms on AMD EPYC 7B13 with two threads, 0.84 of "
                            "ONNX Runtime's time.",
                            "Twelve of its 53 convolutions take two thirds of that time and reach "
                            "60 % of what this "
                            "machine allows; arithmetic limits them.",
                            "By the cost model, which is 12 % below the clock here, twice the "
                            "cores would gain 41 %, "
                            "twice the arithmetic 30 % and twice the bandwidth of dram 8 %."));
}

TEST(Verdict, TheRivalMayBeAbsentEqualOrAhead) {
    StudyResult r = usual();
    r.measured.threads = 1;
    r.peer.ran = false;
    EXPECT_EQ(
        verdict_sentences(r)[0],
        "resnet50 takes 73.8 ms on AMD EPYC 7B13 with one thread; it was not timed beside ONNX "
        "Runtime.");
    r.peer.ran = true;
    r.peer.ratio = 1.01;
    r.peer.ratio_low = 0.97;
    r.peer.ratio_high = 1.04;
    EXPECT_THAT(verdict_sentences(r)[0],
                HasSubstr("thread, about as long as ONNX Runtime (1.01 of its time)."));
    r.peer.ratio = 1.2;
    r.peer.ratio_low = 1.1;
    r.peer.ratio_high = 1.3;
    EXPECT_THAT(verdict_sentences(r)[0], HasSubstr("thread, 1.20 times what ONNX Runtime takes."));
    r.peer.ratio = 0.0312;
    r.peer.ratio_low = r.peer.ratio_high = 0.03;
    EXPECT_THAT(verdict_sentences(r)[0], HasSubstr("0.0312 of ONNX Runtime's time."));
}

TEST(Verdict, OneKernelIsSpokenOfAsOne) {
    StudyResult r = usual();
    r.verdict = {"MatMul", 1, 1, 40, 1, 0.97, "dram", 0.3, "dram"};
    EXPECT_EQ(verdict_sentences(r)[1],
              "Its one matrix product takes all of that time and reaches 97 % of what this machine "
              "allows; the bandwidth of dram limits it.");
    r.verdict.of = 4;
    r.verdict.share = 0.71;
    r.verdict.bound = "";
    EXPECT_EQ(
        verdict_sentences(r)[1],
        "One of its four matrix products takes 71 % of that time and reaches 97 % of what this "
        "machine allows; different things limit it.");
}

TEST(Verdict, AllKernelsOfAnOperatorAreNotCountedTwice) {
    StudyResult r = usual();
    r.verdict.kernels = r.verdict.of = 2;
    r.verdict.op = "Softmax";
    r.verdict.share = 0.34;
    r.verdict.bound = "l2";
    EXPECT_EQ(
        verdict_sentences(r)[1],
        "Its two Softmax kernels take a third of that time and reach 60 % of what this machine "
        "allows; the bandwidth of l2 limits them.");
    r.verdict.op = "";
    EXPECT_THAT(verdict_sentences(r)[1], HasSubstr("Its two kernels that only move data take"));
}

TEST(Verdict, FasterThanTheDescriptionAllowsIsTheDescriptionsFault) {
    StudyResult r = usual();
    r.verdict.reached = 1.12;
    EXPECT_EQ(
        verdict_sentences(r)[1],
        "Twelve of its 53 convolutions take two thirds of that time and reach 112 % of what this "
        "machine's description allows, so it is too cautious: `smeaton probe` measures it anew.");
}

TEST(Verdict, WhereNothingRunsOrNothingHelpsItSaysSo) {
    StudyResult r = usual();
    r.verdict = {};
    r.what_ifs = {};
    EXPECT_EQ(verdict_sentences(r)[1],
              "No kernel runs: all of it was computed when the model was compiled.");
    EXPECT_EQ(verdict_sentences(r).size(), 2u);
    r = usual();
    r.prediction_error = 0.001;
    for (driver::WhatIf& row : r.what_ifs.rows) row.gain = -0.02;
    EXPECT_EQ(
        verdict_sentences(r)[2],
        "By the cost model, which agrees with the clock here, nothing would gain 1 % by being "
        "doubled: no level's bandwidth, not the cores, not the arithmetic.");
    r.prediction_error = 0.3;
    r.what_ifs.rows = {{"peak", "", 45, 0.3}};
    EXPECT_EQ(
        verdict_sentences(r)[2],
        "By the cost model, which is 30 % above the clock here, twice the arithmetic would gain "
        "30 %.");
    r.what_ifs.rows.push_back({"cores", "", 46, 0.29});
    EXPECT_THAT(verdict_sentences(r)[2],
                HasSubstr("twice the arithmetic would gain 30 % and twice the cores 29 %."));
}

TEST(Verdict, AModelIsNamedAfterItsFileOrItsFolder) {
    EXPECT_EQ(model_name("/a/gpt2/model.onnx"), "gpt2");
    EXPECT_EQ(model_name("/a/gpt2/step.onnx"), "step");
}

}  // namespace
}  // namespace smeaton::report
