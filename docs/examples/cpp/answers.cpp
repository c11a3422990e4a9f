// Answers the oracle's vectors of four operations, in float32 and float64.
//
//     pp-ref vectors export vectors --arithmetic float32
//     g++ -std=c++17 -O2 -o answers docs/examples/cpp/answers.cpp
//     ./answers vectors
//     pp-ref conform --files vectors
//
// Other operations are not provided. -DFORGET_SIGMOID_PRIME, -DSUM_FOR_MEAN and -DSKIP_TAIL make mistakes, to see what
// the oracle says of them.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iostream>

#include "safetensors.hpp"

using Shape = std::vector<std::size_t>;

template <class T>
struct Matrix {
    std::size_t rows, columns;
    std::vector<T> numbers;

    Matrix(std::size_t rows, std::size_t columns) : rows(rows), columns(columns), numbers(rows * columns) {}
    explicit Matrix(const Tensor& x) : rows(x.shape.at(0)), columns(x.shape.at(1)), numbers(x.numbers<T>()) {}

    T& operator()(std::size_t i, std::size_t j) { return numbers[i * columns + j]; }
    T operator()(std::size_t i, std::size_t j) const { return numbers[i * columns + j]; }
    Tensor stored() const { return tensor<T>({rows, columns}, numbers); }
};

// a (n, k) b (k, m) -> (n, m)
template <class T>
Matrix<T> product(const Matrix<T>& a, const Matrix<T>& b) {
    Matrix<T> y(a.rows, b.columns);
    for (std::size_t i = 0; i < a.rows; ++i)
        for (std::size_t k = 0; k < a.columns; ++k)
            for (std::size_t j = 0; j < b.columns; ++j) y(i, j) += a(i, k) * b(k, j);
    return y;
}

template <class T>
Matrix<T> transposed(const Matrix<T>& a) {
    Matrix<T> y(a.columns, a.rows);
    for (std::size_t i = 0; i < a.rows; ++i)
        for (std::size_t j = 0; j < a.columns; ++j) y(j, i) = a(i, j);
    return y;
}

// y = v W + b; dv = dy W^T, dW = v^T dy, db = sum_n dy
template <class T>
Tensors dense(const Tensors& given) {
    const Matrix<T> v(given.at("v")), W(given.at("W")), dy(given.at("dy"));
    const std::vector<T> b = given.at("b").numbers<T>();
    Matrix<T> y = product(v, W);
    std::vector<T> db(b.size());
    for (std::size_t i = 0; i < y.rows; ++i)
        for (std::size_t j = 0; j < y.columns; ++j) {
            y(i, j) += b[j];
            db[j] += dy(i, j);
        }
#ifdef SKIP_TAIL
    for (std::size_t i = y.rows / 8 * 8; y.rows > 8 && i < y.rows; ++i)
        for (std::size_t j = 0; j < y.columns; ++j) y(i, j) = 0;
#endif
    return {{"y", y.stored()},
            {"dv", product(dy, transposed(W)).stored()},
            {"dW", product(transposed(v), dy).stored()},
            {"db", tensor<T>({b.size()}, db)}};
}

// y_j = v U_j of every column; dv = sum_j dy_j U_j^T
template <class T>
Tensors pool(const Tensors& given) {
    const Matrix<T> v(given.at("v"));
    Matrix<T> dv(v.rows, v.columns);
    Tensors found;
    for (std::size_t j = 0; given.count("U[" + std::to_string(j) + "]"); ++j) {
        const std::string column = "[" + std::to_string(j) + "]";
        const Matrix<T> U(given.at("U" + column)), dy(given.at("dy" + column));
        found["y" + column] = product(v, U).stored();
        const Matrix<T> pulled = product(dy, transposed(U));
        for (std::size_t i = 0; i < dv.numbers.size(); ++i) dv.numbers[i] += pulled.numbers[i];
    }
    found["dv"] = dv.stored();
    return found;
}

// 1 / (1 + exp(-v)) without overflow, and to full relative accuracy at both ends
template <class T>
T logistic(T v) {
    const T e = std::exp(-std::abs(v));
    return (v < 0 ? e : T(1)) / (1 + e);
}

// y = s(v); dv = dy s(v) s(-v)
template <class T>
Tensors sigmoid(const Tensors& given) {
    const Matrix<T> v(given.at("v")), dy(given.at("dy"));
    Matrix<T> y = v, dv = dy;
    for (std::size_t i = 0; i < v.numbers.size(); ++i) {
        y.numbers[i] = logistic(v.numbers[i]);
#ifndef FORGET_SIGMOID_PRIME
        dv.numbers[i] *= y.numbers[i] * logistic(-v.numbers[i]);
#endif
    }
    return {{"y", y.stored()}, {"dv", dv.stored()}};
}

// y = 1/n sum_n (log sum_j exp z_nj - z_n,label), 0 without examples; dz = dy/n (softmax(z) - one hot)
template <class T>
Tensors softmax_cross_entropy(const Tensors& given) {
    const Matrix<T> z(given.at("z"));
    const std::vector<std::int64_t> labels = given.at("labels").numbers<std::int64_t>();
    const T dy = given.at("dy").numbers<T>().at(0);
#ifdef SUM_FOR_MEAN
    const T n = 1;
#else
    const T n = static_cast<T>(std::max<std::size_t>(z.rows, 1));
#endif
    Matrix<T> dz(z.rows, z.columns);
    T loss = 0;
    for (std::size_t i = 0; i < z.rows; ++i) {
        T largest = z(i, 0), sum = 0;
        for (std::size_t j = 0; j < z.columns; ++j) largest = std::max(largest, z(i, j));
        for (std::size_t j = 0; j < z.columns; ++j) sum += dz(i, j) = std::exp(z(i, j) - largest);
        for (std::size_t j = 0; j < z.columns; ++j) dz(i, j) *= dy / n / sum;
        const std::size_t label = static_cast<std::size_t>(labels[i]);
        loss += std::log(sum) + largest - z(i, label);
        dz(i, label) -= dy / n;
    }
    return {{"y", tensor<T>(Shape{}, {loss / n})}, {"dz", dz.stored()}};
}

using Function = Tensors (*)(const Tensors&);

// A file has the tensors of all cases: "dense/tails/float32/0/v" is v of the case before the last slash.
void answer(const std::string& folder, const std::string& operation, Function in_float32, Function in_float64) {
    const std::string file = "/" + operation + ".safetensors";
    if (!std::filesystem::exists(folder + file)) return;
    std::map<std::string, Tensors> cases;
    for (const auto& [name, each] : read_tensors(folder + file)) {
        const std::size_t slash = name.rfind('/');
        cases[name.substr(0, slash)][name.substr(slash + 1)] = each;
    }
    Tensors answers;
    for (const auto& [id, given] : cases) {
        const bool is_float32 = given.at(given.count("dy") ? "dy" : "dy[0]").dtype == "F32";
        for (const auto& [name, each] : (is_float32 ? in_float32 : in_float64)(given)) answers[id + "/" + name] = each;
    }
    std::filesystem::create_directories(folder + "/answers");
    write_tensors(folder + "/answers" + file, answers);
}

int main(int count, char** arguments) {
    if (count != 2) {
        std::cerr << "usage: answers FOLDER, which pp-ref vectors export wrote\n";
        return 2;
    }
    const std::string folder = arguments[1];
    try {
        answer(folder, "dense", dense<float>, dense<double>);
        answer(folder, "pool", pool<float>, pool<double>);
        answer(folder, "sigmoid", sigmoid<float>, sigmoid<double>);
        answer(folder, "softmax_cross_entropy", softmax_cross_entropy<float>, softmax_cross_entropy<double>);
        std::ofstream(folder + "/answers/manifest.json") << "{\"name\": \"C++ example\"}\n";
    } catch (const std::exception& error) {
        std::cerr << "answers: " << error.what() << '\n';
        return 1;
    }
}
