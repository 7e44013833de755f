// A kernel on a machine of scratchpads as streams: what each engine does, in the order of the
// program, and what it waits for. Executions are counted, so that a wait is a number to be reached.
#pragma once

#include <cstdint>
#include <vector>

#include "cost/demand.h"
#include "cost/reuse.h"

namespace smeaton::cost {

struct Step;

/// For the last execution before this one, in the order of the program, of a task.
struct Wait {
    int task = 0;
    bool same_engine = false;       ///< which chains
    std::vector<int> beyond_first;  ///< axes: only where one of them is beyond its first value
};

/// The first task that touches a tile waits until what lived in that part before is used no more.
struct Room {
    int tile = 0;
    int64_t parts = 1;
    std::vector<int> users;  ///< of the tile: what they have to leave
};

/// An engine that touches a tile. It leaves a part when all its tasks have been seen by the engine
/// that touches the next one first: where it is the same, by the chain.
struct User {
    bool same_engine = false;
    std::vector<int> tasks;
    const Step* loop = nullptr;  ///< behind which it has left at the latest; null: with a task
};

/// An op, or the transfer that fills a copy.
struct Task {
    Demand demand;
    double later_share = 1;  ///< of its bytes that are asked behind the ring's first value
    int ring = -1;           ///< axis
    std::vector<Wait> waits;
    std::vector<Room> rooms;
    std::vector<int> leaves;  ///< users whose last touch it is

    struct Access {
        int target = 0;
        bool buffer = false, write = false;
    };
    std::vector<Access> accesses;
};

/// A bound of a loop: affine in the axes around it.
struct Bound {
    int64_t constant = 0;
    std::vector<std::pair<int, int64_t>> terms;  ///< axis, coefficient
};

/// A statement of the kernel.
struct Step {
    enum Kind { kLoop, kOpen, kTask } kind = kTask;
    int index = 0;  ///< of the axis, the tile or the task
    // of a loop:
    int64_t extent = 1;
    std::vector<Bound> from, to;
    bool parallel = false;
    bool clips = false;    ///< bounds of a loop inside depend on it
    bool clipped = false;  ///< trips of it, or of a loop inside, depend on axes
    std::vector<Step> body;
};

/// What one engine meets.
struct Item {
    enum Kind {
        kTask,     ///< index: of the task
        kLoop,     ///< index: axis; other: its end
        kEnd,      ///< index: axis; other: its begin
        kOpen,     ///< index: a tile gets its next part
        kLeave,    ///< index: a user who has done with a part
        kLast,     ///< the task before it touched a part, perhaps for the last time: of `lasts`
        kCount,    ///< tasks of others: index of `counts`
        kCountOf,  ///< those of a clipped loop of others
        kBarrier,  ///< all that stands before it is done, by everyone
        kStop
    } kind = kStop;
    int index = 0;
    int other = 0;
    const Step* loop = nullptr;
    bool turns = false;  ///< of a loop: this engine says when its turns are over
};

/// A user touches a part no more when the loops from its task to the tile's block are all in their
/// last turns, whatever else of those turns is to come.
struct LastTouch {
    int user = 0;
    std::vector<int> axes;
};

struct Stream {
    int engine = 0;
    std::vector<Item> items;
    std::vector<std::vector<std::pair<int, int64_t>>> counts;  ///< task, executions
    std::vector<LastTouch> lasts;
    std::vector<bool> counted;  ///< by task of another engine: does one here wait for it?
};

struct Streams {
    std::vector<Step> steps;
    std::vector<Task> tasks;
    std::vector<Stream> streams;  ///< of engines that have something to do
    std::vector<int> stream_of;   ///< by task
    std::vector<User> users;
    int axes = 0, tiles = 0;
};

/// `chunks`: as for nest_of, of which the nest is made. A tile has as many parts as its level or
/// its copy has; in registers, as many as fit. `asked` gets, by level, what was asked of its
/// capacity; null: not noted.
Streams streams_of(const Nest&, const machine::Machine&, Demands&, int64_t chunks,
                   gir::Region* asked);

}  // namespace smeaton::cost
