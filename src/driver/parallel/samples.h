// Several samples of a model's inputs that run in one call, and their outputs as one.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "driver/feeds.h"

namespace smeaton::driver {

/// As gather_feeds, for so many samples. A given array whose first axis the model fixes at another
/// size, or leaves open, is cut along it into equal parts, a sample each; any other is what every
/// sample gets. What is not given is drawn for each sample (from seed, seed + 1, …). UserError
/// naming an array that cannot be cut so.
std::vector<std::map<std::string, Tensor>> gather_samples(const std::string& model,
                                                          const std::vector<PortInfo>&,
                                                          const FeedRequest&,
                                                          const std::vector<PortInfo>& overridable,
                                                          int samples);

/// The outputs of samples put together along the first axis (scalars: along an axis of their own).
std::vector<Tensor> put_together(const std::vector<std::vector<Tensor>>& by_sample);

}  // namespace smeaton::driver
