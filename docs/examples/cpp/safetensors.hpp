// Reads and writes safetensors files: https://huggingface.co/docs/safetensors. For little-endian machines.
#pragma once

#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

struct Tensor {
    std::string dtype;  // "F64", "F32", "I64", ...
    std::vector<std::size_t> shape;
    std::string data;  // bytes, row by row

    template <class T>
    std::vector<T> numbers() const {
        std::size_t size = 1;
        for (const std::size_t length : shape) size *= length;
        const std::string bytes = std::to_string(sizeof(T));
        if (data.size() != size * sizeof(T))
            throw std::runtime_error("a tensor is " + dtype + ", expected " + bytes + " bytes a number");
        std::vector<T> found(size);
        if (!found.empty()) std::memcpy(found.data(), data.data(), found.size() * sizeof(T));
        return found;
    }
};

template <class T>
Tensor tensor(std::vector<std::size_t> shape, const std::vector<T>& numbers) {
    const char* bytes = reinterpret_cast<const char*>(numbers.data());
    std::string data = numbers.empty() ? "" : std::string(bytes, numbers.size() * sizeof(T));
    return {sizeof(T) == 8 ? "F64" : "F32", std::move(shape), std::move(data)};
}

using Tensors = std::map<std::string, Tensor>;

// The header: {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ...}, perhaps with "__metadata__".
class Header {
  public:
    explicit Header(const std::string& text) : text_(text) {}

    Tensors read(const std::string& data) {
        Tensors found;
        expect('{');
        if (next('}')) return found;
        do {
            const std::string name = word();
            expect(':');
            if (name == "__metadata__") {
                metadata();
            } else {
                found[name] = described(data);
            }
        } while (next(','));
        expect('}');
        return found;
    }

  private:
    Tensor described(const std::string& data) {
        Tensor found;
        std::vector<std::size_t> offsets;
        expect('{');
        do {
            const std::string key = word();
            expect(':');
            if (key == "dtype") {
                found.dtype = word();
            } else if (key == "shape") {
                found.shape = sizes();
            } else {
                offsets = sizes();
            }
        } while (next(','));
        expect('}');
        if (offsets.size() != 2 || offsets[0] > offsets[1] || offsets[1] > data.size()) fail();
        found.data = data.substr(offsets[0], offsets[1] - offsets[0]);
        return found;
    }

    void metadata() {
        expect('{');
        if (next('}')) return;
        do {
            word();
            expect(':');
            word();
        } while (next(','));
        expect('}');
    }

    std::vector<std::size_t> sizes() {
        std::vector<std::size_t> found;
        expect('[');
        if (next(']')) return found;
        do {
            skip();
            std::size_t digits = 0;
            found.push_back(std::stoull(text_.substr(at_, 20), &digits));
            at_ += digits;
        } while (next(','));
        expect(']');
        return found;
    }

    // Names of vectors are ASCII without control characters: \" and \\ are the only escapes.
    std::string word() {
        std::string found;
        expect('"');
        while (at_ < text_.size() && text_[at_] != '"') {
            if (text_[at_] == '\\') ++at_;
            if (at_ < text_.size()) found += text_[at_++];
        }
        expect('"');
        return found;
    }

    void skip() {
        while (at_ < text_.size() && std::strchr(" \t\r\n", text_[at_])) ++at_;
    }

    bool next(char c) {
        skip();
        if (at_ >= text_.size() || text_[at_] != c) return false;
        ++at_;
        return true;
    }

    void expect(char c) {
        if (!next(c)) fail();
    }

    void fail() const { throw std::runtime_error("no safetensors header, from byte " + std::to_string(at_) + " on"); }

    const std::string& text_;
    std::size_t at_ = 0;
};

inline Tensors read_tensors(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw std::runtime_error(path + " cannot be read");
    const std::string all((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    std::uint64_t length = 0;
    if (all.size() >= 8) std::memcpy(&length, all.data(), 8);
    if (all.size() < 8 || length > all.size() - 8) throw std::runtime_error(path + " is truncated");
    const std::string header = all.substr(8, length);
    return Header(header).read(all.substr(8 + length));
}

// Names are written as they are: without quotes, backslashes and control characters.
inline void write_tensors(const std::string& path, const Tensors& tensors) {
    std::string header = "{", data;
    for (const auto& [name, each] : tensors) {
        if (header.size() > 1) header += ',';
        header += '"' + name + "\":{\"dtype\":\"" + each.dtype + "\",\"shape\":[";
        for (std::size_t i = 0; i < each.shape.size(); ++i) header += (i ? "," : "") + std::to_string(each.shape[i]);
        header += "],\"data_offsets\":[" + std::to_string(data.size()) + ',';
        data += each.data;
        header += std::to_string(data.size()) + "]}";
    }
    header += '}';
    header.append((8 - header.size() % 8) % 8, ' ');
    const std::uint64_t length = header.size();
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char*>(&length), 8);
    file << header << data;
    file.close();
    if (!file) throw std::runtime_error(path + " cannot be written");
}
