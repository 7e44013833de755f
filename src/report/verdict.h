// The verdict of a study in words.
#pragma once

#include <string>
#include <vector>

#include "driver/study/study.h"

namespace smeaton::report {

/// "resnet50", of its file, or of its folder where the file's name says nothing.
std::string model_name(const std::string& path);

/// At most three sentences: how long it takes, here and beside ONNX Runtime; where most of it
/// goes; what would help. Of a model whose kernels were measured.
std::vector<std::string> verdict_sentences(const driver::StudyResult&);

}  // namespace smeaton::report
