// What clusters.py has beside the clusters: channels and what runs the clusters at once.
#pragma once

namespace smeaton::pytorch {

struct RuntimeText {
    const char* imports;  ///< behind `from __future__`, before torch
    const char* channel;  ///< above the clusters
    const char* run;      ///< below the tables of clusters and outputs
};

/// A plan of one cluster is forward: what both do then. Above `run`.
extern const char* const kAlone;
/// On threads of one process: values are handed over as they are.
extern const RuntimeText kThreads;
/// On processes: values lie in shared memory; no gradients.
extern const RuntimeText kProcesses;

}  // namespace smeaton::pytorch
