// A model as layers with the figures of training that placement reads: worked out on the training
// graph of each layer, equal layers once.
//
//     gpt2, 1 x 1024 tokens: embeddings | 12 equal layers | norm, head, loss
//
// A layer is a block (model/blocks). Its step is its own: the forward half, gradients of what comes
// in (dX) and of its weights (dW); the loss stands in the last layer, the head is there once.
// Elements are counted apart from what others than floats take, so that a reader prices any
// precision.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cost/efficiency.h"
#include "model/blocks/blocks.h"
#include "model/graph.h"
#include "model/shape/infer.h"

namespace smeaton::driver {

/// Sizes of tensors: elements of floats, bytes of all others.
struct Amount {
    int64_t elements = 0, other_bytes = 0;

    double bytes(double element_bytes) const {
        return element_bytes * static_cast<double>(elements) + static_cast<double>(other_bytes);
    }
    Amount& operator+=(const Amount& b) {
        elements += b.elements;
        other_bytes += b.other_bytes;
        return *this;
    }
};

/// Work of one half of a layer. Bytes of outermost memory are those of each operator by itself.
struct LayerWork {
    int64_t matrix_flops = 0;  ///< of contractions and convolutions, 2 a multiply-add
    int64_t vector_flops = 0;  ///< of all else
    Amount weights;            ///< read, or written as gradients
    Amount read, written;      ///< beside them

    int64_t flops() const { return matrix_flops + vector_flops; }
    LayerWork& operator+=(const LayerWork&);
};

/// Of one operator of a step, in its order; what only changes shape or order is none.
struct OperatorWork {
    bool forward = true;
    LayerWork work;
    cost::OperatorWork::Kind kind = cost::OperatorWork::Kind::Elementwise;
    double rows = 1;  ///< of a product that share its weight
};

/// Of one kind of layer, for the microbatch and sequence that the graph is bound to.
struct LayerFigures {
    int64_t parameters = 0;  ///< elements of its weights; one that layers share, in each of them
    LayerWork forward;
    LayerWork data;     ///< backward: gradients of what comes in
    LayerWork weights;  ///< backward: gradients of weights alone
    LayerWork core;     ///< of forward: of attention cores, which `selective` runs again
    /// What the backward half reads of the forward one and of the layer's inputs, each tensor once;
    /// what only changes shape or order is the tensor that it comes from.
    Amount kept;
    Amount kept_selective;  ///< the same where attention cores run again
    Amount inputs;          ///< what comes from other layers: all that full recomputation keeps
    std::vector<OperatorWork> operators;  ///< both halves
};

/// All weights that the same layers read.
struct SharedWeights {
    std::vector<size_t> layers;  ///< ascending, two or more
    int64_t parameters = 0;      ///< elements
};

struct ModelLayers {
    model::ShapedGraph shaped;          ///< simplified, sizes are numbers
    model::Blocks blocks;               ///< its layers, in their order
    std::vector<LayerFigures> figures;  ///< by kind
    /// Behind each layer: values that later layers read, made there or before. Nothing that
    /// constants alone decide (masks, rotary positions): whoever needs it makes it.
    std::vector<Amount> boundaries;
    int worked_out = 0;  ///< layers whose figures were found; those of one kind share them

    /// Weights that several layers read, such as those of tied embeddings: of each layer's
    /// parameters, and there once.
    std::vector<SharedWeights> shared;

    const LayerFigures& of(size_t layer) const {
        return figures[static_cast<size_t>(blocks.blocks[layer].kind)];
    }
};

/// UserError where a size of the value is open.
int64_t elements_of(const model::Graph&, model::ValueId);

/// By value: fed data decide it. Masks and rotary positions are constants' alone.
std::vector<bool> moved_by(const model::Graph&, const std::vector<model::ValueId>& inputs);

/// `shaped`: simplified (without fold_affine, which training has no use for), sizes are numbers.
/// The loss is the cross-entropy of the first output, classes along its last axis where it has
/// three or more; an output of rank 1 or 0 is the loss itself. UserError naming an operator without
/// a gradient.
ModelLayers model_layers(model::ShapedGraph shaped);

}  // namespace smeaton::driver
