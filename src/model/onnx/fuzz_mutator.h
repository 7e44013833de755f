// How the fuzz targets change ONNX files: half of the mutations are libFuzzer's own, of bytes; half
// change the fields of the parsed file, so that what lies behind the wire checks (names, scopes,
// functions, tensors, shapes) is reached as well. Defines libFuzzer's hook: include it in one file
// of a target.
#pragma once

#include <google/protobuf/message.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "model/onnx/schema.pb.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using Random = std::minstd_rand;
namespace format = smeaton::onnx_format;

size_t below(Random& random, size_t bound) {
    return bound == 0 ? 0 : random() % bound;
}

void collect(Message* message, std::vector<Message*>& all) {
    all.push_back(message);
    const Reflection& reflection = *message->GetReflection();
    std::vector<const FieldDescriptor*> fields;
    reflection.ListFields(*message, &fields);
    for (const FieldDescriptor* field : fields) {
        if (field->type() != FieldDescriptor::TYPE_MESSAGE) continue;
        if (!field->is_repeated()) {
            collect(reflection.MutableMessage(message, field), all);
            continue;
        }
        for (int i = 0; i < reflection.FieldSize(*message, field); ++i)
            collect(reflection.MutableRepeatedMessage(message, field, i), all);
    }
}

int64_t odd_number(Random& random) {
    static const int64_t kNumbers[] = {
        -1,       0,  1,  2,   3,       4,          5,         7,         8,         11,
        13,       16, 64, 255, 1 << 20, 0x7fffffff, 1LL << 31, 1LL << 40, 1LL << 60, INT64_MAX - 1,
        INT64_MIN};
    return kNumbers[below(random, std::size(kNumbers))] + static_cast<int64_t>(below(random, 2));
}

/// A text of the same kind from elsewhere in the file, so that names meet.
std::string some_text(const std::vector<Message*>& all, Random& random) {
    for (int attempt = 0; attempt < 20; ++attempt) {
        const Message& message = *all[below(random, all.size())];
        const Reflection& reflection = *message.GetReflection();
        std::vector<const FieldDescriptor*> fields;
        reflection.ListFields(message, &fields);
        if (fields.empty()) continue;
        const FieldDescriptor* field = fields[below(random, fields.size())];
        if (field->type() != FieldDescriptor::TYPE_BYTES) continue;
        if (!field->is_repeated()) return reflection.GetString(message, field);
        const auto count = static_cast<size_t>(reflection.FieldSize(message, field));
        return reflection.GetRepeatedString(message, field, static_cast<int>(below(random, count)));
    }
    return std::string(below(random, 4), static_cast<char>(random()));
}

/// Calls `set(value)` with a value of the field's kind.
void set_scalar(Message* message, const FieldDescriptor* field, const std::vector<Message*>& all,
                Random& random) {
    const Reflection& r = *message->GetReflection();
    const bool add = field->is_repeated();
    const int64_t number = odd_number(random);
    switch (field->cpp_type()) {
        case FieldDescriptor::CPPTYPE_INT32:
            add ? r.AddInt32(message, field, static_cast<int32_t>(number))
                : r.SetInt32(message, field, static_cast<int32_t>(below(random, 30)));
            break;
        case FieldDescriptor::CPPTYPE_INT64:
            add ? r.AddInt64(message, field, number) : r.SetInt64(message, field, number);
            break;
        case FieldDescriptor::CPPTYPE_UINT64:
            add ? r.AddUInt64(message, field, static_cast<uint64_t>(number))
                : r.SetUInt64(message, field, static_cast<uint64_t>(number));
            break;
        case FieldDescriptor::CPPTYPE_FLOAT:
            add ? r.AddFloat(message, field, static_cast<float>(number))
                : r.SetFloat(message, field, static_cast<float>(number));
            break;
        case FieldDescriptor::CPPTYPE_DOUBLE:
            r.AddDouble(message, field, 0.5);
            break;
        case FieldDescriptor::CPPTYPE_STRING:
            add ? r.AddString(message, field, some_text(all, random))
                : r.SetString(message, field, some_text(all, random));
            break;
        default:
            break;
    }
}

void mutate_field(Message* message, const std::vector<Message*>& all, Random& random) {
    const auto& type = *message->GetDescriptor();
    const FieldDescriptor* field =
        type.field(static_cast<int>(below(random, static_cast<size_t>(type.field_count()))));
    const Reflection& reflection = *message->GetReflection();
    const int size = field->is_repeated() ? reflection.FieldSize(*message, field) : 0;
    const auto pick = [&] { return static_cast<int>(below(random, static_cast<size_t>(size))); };
    if (size > 0 && below(random, 3) == 0) {
        reflection.SwapElements(message, field, pick(), pick());
        if (below(random, 2) == 0) reflection.RemoveLast(message, field);
    } else if (field->type() == FieldDescriptor::TYPE_MESSAGE) {
        Message* target = field->is_repeated() ? reflection.AddMessage(message, field)
                                               : reflection.MutableMessage(message, field);
        for (int attempt = 0; attempt < 20; ++attempt) {  // a copy of one from elsewhere
            const Message* source = all[below(random, all.size())];
            if (source->GetDescriptor() != field->message_type() || source == target) continue;
            if (source->ByteSizeLong() > 4096) continue;
            const std::string bytes = source->SerializeAsString();  // it may hold the target
            target->ParseFromString(bytes);
            break;
        }
    } else if (!field->is_repeated() && below(random, 4) == 0) {
        reflection.ClearField(message, field);
    } else {
        set_scalar(message, field, all, random);
    }
}

}  // namespace

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
    Random random(seed);
    format::Model model;
    if (random() % 2 == 0 || !model.ParseFromArray(data, static_cast<int>(size)))
        return LLVMFuzzerMutate(data, size, max_size);
    for (size_t changes = 1 + below(random, 3); changes > 0; --changes) {
        std::vector<Message*> all;
        collect(&model, all);
        mutate_field(all[below(random, all.size())], all, random);
    }
    const std::string mutated = model.SerializeAsString();
    if (mutated.size() > max_size) return LLVMFuzzerMutate(data, size, max_size);
    std::copy(mutated.begin(), mutated.end(), data);
    return mutated.size();
}
