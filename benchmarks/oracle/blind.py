"""Mistakes that programmers make in such layers, written without knowledge of how the oracle looks for them.

Each is a piece of a program in `docs/examples` (`before`, once in its function) and what stands there instead.
"""

# program -> function -> mistake, before, after
PIECES: dict[str, dict[str, list[tuple[str, str, str]]]] = {
    "numpy_layers.py": {
        "dense_forward": [
            ("squeezed, so one example or one unit loses its axis", "v @ W + b", "np.squeeze(v @ W) + b")
        ],
        "dense_backward": [
            ("reshaped instead of transposed", "W.T", "W.reshape(W.shape[::-1])"),
            ("mean over the examples for the sum", "dy.sum(axis=0)", "dy.mean(axis=0)"),
        ],
        "pool_forward": [
            (
                "columns assumed equally wide",
                "[v @ U_j for U_j in U]",
                "np.array_split(v @ np.concatenate(U, axis=1), len(U), axis=1)",
            )
        ],
        "pool_backward": [("averaged over the columns", "pool_adjoint(dy, U)", "pool_adjoint(dy, U) / len(U)")],
        "pool_adjoint": [
            (
                "overwritten in the loop instead of added up",
                "return sum(g_j @ U_j.T for g_j, U_j in zip(g, U, strict=True))",
                "for g_j, U_j in zip(g, U, strict=True):\n        v = g_j @ U_j.T\n    return v",
            )
        ],
        "combine_forward": [
            (
                "every column adds the first entries of the bias",
                "np.concatenate([p @ w_j for p, w_j in zip(pooled, w, strict=True)], axis=1) + b",
                "np.concatenate([p @ w_j + b[: w_j.shape[1]] for p, w_j in zip(pooled, w, strict=True)], axis=1)",
            )
        ],
        "combine_backward": [
            ("weights' gradient averaged over the examples", "p.T @ dy_j", "p.T @ dy_j / max(len(dy), 1)")
        ],
        "expand_forward": [
            (
                "columns laid end to end in memory and reshaped",
                "return np.concatenate([U_j @ w_j for U_j, w_j in zip(U, w, strict=True)], axis=1)",
                (
                    "W = np.concatenate([(U_j @ w_j).ravel() for U_j, w_j in zip(U, w, strict=True)])\n"
                    "    return W.reshape(len(U[0]), -1)"
                ),
            ),
            (
                "product in single precision",
                "U_j @ w_j",
                "(U_j.astype(np.float32) @ w_j.astype(np.float32)).astype(w_j.dtype)",
            ),
        ],
        "expand_backward": [
            (
                "least squares instead of the adjoint",
                "return project(U, dW, widths)",
                (
                    "parts = np.split(dW, np.cumsum(widths)[:-1], axis=1)\n"
                    "    return [np.linalg.lstsq(U_j, dW_j, rcond=None)[0] for U_j, dW_j in zip(U, parts, strict=True)]"
                ),
            )
        ],
        "project": [("widths taken as positions to split at", "np.cumsum(widths)[:-1]", "widths[:-1]")],
        "predicted_forward": [("bias added a second time", "return y, (U, cache)", "return y + b, (U, cache)")],
        "predicted_backward": [
            ("gradient of only the first column", "pool_backward(dpooled, U)", "pool_backward(dpooled[:1], U[:1])")
        ],
        "lowrank_forward": [
            ("bias within the parentheses", "pooled @ w + b", "v @ (U @ w + b)"),
            ("cached in single precision to save memory", "(v, U, w, pooled)", "(v, U, w, pooled.astype(np.float32))"),
        ],
        "lowrank_backward": [
            ("bias gradient keeps the examples' axis", "dy.sum(axis=0)", "dy.sum(axis=0, keepdims=True)"),
            ("same path to w counted twice", "pooled.T @ dy", "pooled.T @ dy + U.T @ (v.T @ dy)"),
        ],
        "sigmoid_forward": [
            (
                "one minus the other tail, which cancels",
                "np.where(v >= 0, 1, e) / (1 + e)",
                "np.where(v >= 0, 1 / (1 + e), 1 - 1 / (1 + e))",
            ),
            (
                "by tanh, which cancels where v is negative",
                "y = np.where(v >= 0, 1, e) / (1 + e)",
                "y = 0.5 * (1 + np.tanh(0.5 * v))",
            ),
            ("argument clipped for fear of overflow", "np.exp(-abs(v))", "np.exp(-np.minimum(abs(v), 30))"),
        ],
        "sigmoid_backward": [
            ("derivative of tanh", "y * (1 - y)", "(1 - y * y)"),
            (
                "sigmoid applied again to the cached output",
                "return dy * y * (1 - y)",
                "s, _ = sigmoid_forward(y)\n    return dy * s * (1 - s)",
            ),
        ],
        "relu_forward": [
            ("gradient passes in a tie", "v > 0", "v >= 0"),
            (
                "in place on the argument",
                "return np.maximum(v, 0), v > 0",
                "positive = v > 0\n    v[~positive] = 0\n    return v, positive",
            ),
        ],
        "relu_backward": [
            ("gated by the gradient's sign", "dy * positive", "dy * (dy > 0)"),
            ("in place on the incoming gradient", "return dy * positive", "dy *= positive\n    return dy"),
        ],
        "maxout_forward": [
            (
                "pieces strided instead of adjacent",
                "v.reshape(len(v), v.shape[1] // pieces, pieces)",
                "v.reshape(len(v), pieces, v.shape[1] // pieces).swapaxes(1, 2)",
            ),
            (
                "last of equal pieces",
                "v.argmax(axis=2)[..., None]",
                "pieces - 1 - v[..., ::-1].argmax(axis=2)[..., None]",
            ),
        ],
        "maxout_backward": [
            (
                "gradient given to every piece",
                "np.put_along_axis(dv, first, dy[..., None], axis=2)",
                "dv += dy[..., None]",
            ),
            ("pieces made the slow axis when flattening", "return dv.reshape(", "return dv.swapaxes(1, 2).reshape("),
        ],
        "softmax": [
            (
                "not shifted, NaN hidden by nan_to_num",
                "e = np.exp(z - z.max(axis=1, keepdims=True))\n    return e / e.sum(axis=1, keepdims=True)",
                "e = np.exp(z)\n    return np.nan_to_num(e / e.sum(axis=1, keepdims=True))",
            ),
            ("shifted by the maximum of the batch", "z.max(axis=1, keepdims=True)", "z.max()"),
        ],
        "softmax_cross_entropy_forward": [
            (
                "logarithm of a clipped softmax",
                "(np.log(np.exp(shifted).sum(axis=1)) - own).sum()",
                "-np.log(np.maximum(np.exp(own) / np.exp(shifted).sum(axis=1), 1e-12)).sum()",
            ),
            (
                "labels taken to count from one",
                "own = shifted[np.arange(len(z)), labels]",
                "own = shifted[np.arange(len(z)), labels - 1]",
            ),
            ("no example divides by zero", "n = max(len(z), 1)", "n = len(z)"),
        ],
        "softmax_cross_entropy_backward": [
            (
                "one subtracted in the labels' columns of every row",
                "dz[np.arange(len(z)), labels] -= 1",
                "dz[:, labels] -= 1",
            ),
            ("incoming gradient ignored", "dloss * dz / n", "dz / n"),
        ],
        "autoencoder_forward": [
            (
                "bias added after the activation",
                "h, _ = sigmoid_forward(v @ W + b)",
                "h = sigmoid_forward(v @ W)[0] + b",
            ),
            (
                "mean over the inputs too",
                "((r - v) ** 2).sum() / max(len(v), 1)",
                "((r - v) ** 2).sum() / max(v.size, 1)",
            ),
        ],
        "autoencoder_backward": [
            ("decoder's share of the tied weights forgotten", " + dz.T @ h", ""),
            ("input taken for a constant target", "dh @ W.T - error", "dh @ W.T"),
            ("output's sigmoid not differentiated", "dz = sigmoid_backward(error, r)", "dz = error"),
        ],
        "conv2d_forward": [
            ("convolution for correlation", "tensordot(patches, W,", "tensordot(patches, W[::-1, ::-1],"),
            (
                "edge repeated instead of zeros",
                "(padding, padding), (0, 0)))",
                '(padding, padding), (0, 0)), mode="edge")',
            ),
            (
                "strides start in the middle of a step",
                "[:, ::stride, ::stride]",
                "[:, stride // 2 :: stride, stride // 2 :: stride]",
            ),
        ],
        "conv2d_backward": [
            ("overlapping windows overwrite each other", "+= dy @", "= dy @"),
            ("filters' gradient reshaped instead of transposed", ".transpose(1, 2, 0, 3)", ".reshape(W.shape)"),
            ("padding cut off at one end only", "dv[:, padding : padding + h, padding : padding + w]", "dv[:, :h, :w]"),
            ("filters flipped once too often", "W[p, q].T", "W[-1 - p, -1 - q].T"),
        ],
        "flatten_forward": [
            (
                "Fortran order",
                "v.reshape(len(v), np.prod(v.shape[1:]))",
                'v.reshape(len(v), np.prod(v.shape[1:]), order="F")',
            )
        ],
        "flatten_backward": [
            (
                "channels taken for the slowest axis",
                "dy.reshape(shape)",
                "dy.reshape(shape[0], shape[3], shape[1], shape[2]).transpose(0, 2, 3, 1)",
            )
        ],
        "unit_columns_forward": [
            ("epsilon in the square root", "(W * W).sum(axis=0)", "(W * W).sum(axis=0) + 1e-8"),
            (
                "in place on the argument",
                "return W / norms, (W / norms, norms)",
                "W /= norms\n    return W, (W, norms)",
            ),
        ],
        "unit_columns_backward": [
            ("norms taken for constants", "(dy - y * (y * dy).sum(axis=0)) / norms", "dy / norms"),
            ("summed over all columns", "(y * dy).sum(axis=0)", "(y * dy).sum()"),
        ],
        "smooth_abs_forward": [("epsilon squared", "z * z + eps", "z * z + eps * eps")],
        "smooth_abs_backward": [("derivative of the plain absolute value", "dloss * z / roots", "dloss * np.sign(z)")],
        "log_cosh_forward": [
            ("absolute value forgotten, overflows", "size = abs(z)", "size = z"),
            ("log 2 forgotten", " - math.log(2)", ""),
        ],
        "log_cosh_backward": [
            ("differentiated once too often", "np.tanh(z)", "(1 - np.tanh(z) ** 2)"),
            ("tanh by exponentials", "np.tanh(z)", "(np.exp(z) - np.exp(-z)) / (np.exp(z) + np.exp(-z))"),
        ],
        "second_moment_forward": [
            (
                "two halves, the last of an odd number of examples lost",
                "return v.T @ v, v",
                (
                    "half = len(v) // 2\n"
                    "    first, second = v[:half], v[half : 2 * half]\n"
                    "    return first.T @ first + second.T @ second, v"
                ),
            ),
            ("divided by the number of examples", "v.T @ v", "v.T @ v / max(len(v), 1)"),
        ],
        "second_moment_backward": [("gradient taken to be symmetric", "v @ (dS + dS.T)", "2 * v @ dS")],
        "reconstruction_forward": [
            ("shortcut that needs orthonormal weights", "(error * error).sum()", "(v * v).sum() - (z * z).sum()"),
            (
                "square expanded, which cancels",
                "(error * error).sum()",
                "(v * v).sum() - 2 * (z * z).sum() + ((z @ W.T) ** 2).sum()",
            ),
        ],
        "reconstruction_backward": [
            ("both uses of W taken to have the same gradient", "v.T @ dz + dr.T @ z", "2 * v.T @ dz"),
            ("input taken for a constant target", "dz @ W.T - dr", "dz @ W.T"),
        ],
        "weight_decay_forward": [("half the penalty", "rate * (W * W).sum()", "0.5 * rate * (W * W).sum()")],
        "weight_decay_backward": [
            ("in place on the weights", "return 2 * dloss * rate * W", "W *= 2 * dloss * rate\n    return W")
        ],
        "se_kernel": [
            ("length scale not squared", "length_scale**2", "length_scale"),
            (
                "remembered by the points' number, not their places",
                (
                    "def se_kernel(a, b, length_scale):\n"
                    "    gap = a[:, None] - b[None]\n"
                    "    return np.exp(-0.5 * (gap**2).sum(axis=2) / length_scale**2)"
                ),
                (
                    "def se_kernel(a, b, length_scale, known={}):\n"
                    "    key = len(a), len(b), length_scale\n"
                    "    if key not in known:\n"
                    "        gap = a[:, None] - b[None]\n"
                    "        known[key] = np.exp(-0.5 * (gap**2).sum(axis=2) / length_scale**2)\n"
                    "    return known[key]"
                ),
            ),
        ],
        "covariance": [
            (
                "raised to the power after centring",
                "data**power - (data**power).mean(axis=0)",
                "(data - data.mean(axis=0)) ** power",
            ),
            (
                "mean of products less product of means, which cancels",
                (
                    "centred = data**power - (data**power).mean(axis=0)\n"
                    "    return centred.T @ centred / (len(data) - 1)"
                ),
                (
                    "x, n = data**power, len(data)\n"
                    "    mean = x.mean(axis=0)\n"
                    "    return (x.T @ x / n - np.outer(mean, mean)) * (n / (n - 1))"
                ),
            ),
        ],
        "ridge_dictionary": [
            ("ridge added to every entry", "ridge * np.eye(len(alpha), dtype=K.dtype)", "ridge"),
            (
                "ridge added to K itself, in place",
                "A = atoms[alpha] + ridge * np.eye(len(alpha), dtype=K.dtype)",
                "K[np.diag_indices(len(K))] += ridge\n    A = K[np.ix_(alpha, alpha)]",
            ),
        ],
        "mlp_loss_and_gradient": [
            (
                "layers' gradients in reversed order",
                "dw.insert(0, dw_l)\n        db.insert(0, db_l)",
                "dw.append(dw_l)\n        db.append(db_l)",
            ),
            ("pre-activation cached for the output", "caches.append((layer, unit))", "caches.append((layer, y))"),
            ("factor 2 of the decay forgotten", "2 * decay * weight", "decay * weight"),
        ],
    },
    "torch_layers.py": {
        "dense_forward": [
            ("product in bfloat16", "F.linear(v, W.T, b)", "F.linear(v.bfloat16(), W.T.bfloat16()).to(v.dtype) + b")
        ],
        "pool_adjoint": [("dictionaries in the opposite order", "torch.cat(U, dim=1)", "torch.cat(U[::-1], dim=1)")],
        "combine_forward": [
            (
                "columns sorted by width and not put back",
                "zip(pooled, w, strict=True)",
                "sorted(zip(pooled, w, strict=True), key=lambda pair: pair[1].shape[1])",
            )
        ],
        "expand_forward": [
            ("reshaped where a transpose is meant", "U_j @ w_j", "(w_j.T @ U_j.T).reshape(len(U_j), -1)")
        ],
        "project": [("columns assumed equally wide", "G.split(widths, dim=1)", "G.tensor_split(len(widths), dim=1)")],
        "predicted_forward": [("bias once for every column", ".T, b)", ".T, b * len(U))")],
        "lowrank_forward": [("a nonlinearity between the two factors", "v @ U", "F.relu(v @ U)")],
        "sigmoid_forward": [
            ("written out, its gradient is NaN where exp overflows", "torch.sigmoid(v)", "1 / (1 + torch.exp(-v))")
        ],
        "relu_forward": [("clamp, whose gradient in a tie is 1", "F.relu(v)", "v.clamp(min=0)")],
        "maxout_forward": [("amax, which shares a tie's gradient out", ".max(dim=2).values", ".amax(dim=2)")],
        "softmax": [("normalised over the examples", "dim=1", "dim=0")],
        "softmax_cross_entropy_forward": [
            ("softmax taken twice", "F.cross_entropy(z, labels)", "F.cross_entropy(F.softmax(z, dim=1), labels)")
        ],
        "autoencoder_forward": [
            ("decoder's tied weights detached", "h @ W.T + c", "h @ W.T.detach() + c"),
            ("target detached", "+ c) - v)", "+ c) - v.detach())"),
        ],
        "conv2d_forward": [("filters' height and width exchanged", "W.permute(3, 2, 0, 1)", "W.permute(3, 2, 1, 0)")],
        "depthwise_conv2d_forward": [
            (
                "every filter repeated in place of all filters in turn",
                "u.permute(2, 0, 1).repeat(channels, 1, 1)",
                "u.permute(2, 0, 1).repeat_interleave(channels, dim=0)",
            ),
            (
                "maps read as filter by filter",
                "y.unflatten(1, (channels, k)).permute(0, 3, 4, 2, 1)",
                "y.unflatten(1, (k, channels)).permute(0, 3, 4, 1, 2)",
            ),
        ],
        "expand_filters_forward": [
            (
                "rows of tied weights read as channel by channel",
                "w_j.reshape(U_j.shape[1], -1)",
                "w_j.reshape(-1, *w_j[: U_j.shape[1]].shape).transpose(0, 1).reshape(U_j.shape[1], -1)",
            ),
            (
                "filters' pixels read column by column",
                ".reshape(*filter_shape, channels, -1)",
                ".reshape(*filter_shape[::-1], channels, -1).transpose(0, 1)",
            ),
        ],
        "predicted_conv2d_forward": [
            ("always half a filter of padding", "b, stride, padding)", "b, stride, filter_shape[0] // 2)")
        ],
        "max_pool2d_forward": [
            ("stride forgotten, windows side by side", "size, stride, ceil_mode", "size, ceil_mode"),
            (
                "windows at the edge filled with zeros",
                "return F.max_pool2d(v.permute(0, 3, 1, 2), size, stride, ceil_mode=ceil).permute(0, 2, 3, 1)",
                (
                    "x = v.permute(0, 3, 1, 2)\n"
                    "    if ceil:\n"
                    "        x = F.pad(x, (0, (size - x.shape[3]) % stride, 0, (size - x.shape[2]) % stride))\n"
                    "    return F.max_pool2d(x, size, stride).permute(0, 2, 3, 1)"
                ),
            ),
        ],
        "average_pool2d_forward": [
            (
                "windows at the edge divided by a full window's pixels",
                "count_include_pad=False",
                "divisor_override=size * size",
            )
        ],
        "flatten_forward": [("channels slowest", "v.flatten(1)", "v.permute(0, 3, 1, 2).flatten(1)")],
        "local_response_forward": [
            ("sum of the neighbours, not divided by size", "1, 2), size, alpha,", "1, 2), size, alpha * size,"),
            (
                "neighbours along the height instead of the channels",
                "F.local_response_norm(v.permute(0, 3, 1, 2), size, alpha, beta, k).permute(0, 2, 3, 1)",
                "F.local_response_norm(v, size, alpha, beta, k)",
            ),
        ],
        "unit_columns_forward": [
            ("norms detached", "torch.linalg.vector_norm(W, dim=0)", "torch.linalg.vector_norm(W, dim=0).detach()"),
            (
                "F.normalize, which lifts small norms to 1e-12",
                "W / torch.linalg.vector_norm(W, dim=0)",
                "F.normalize(W, dim=0)",
            ),
        ],
        "limit_column_norms": [
            ("short columns scaled up", "torch.where(norms > limit, limit / norms, 1)", "(limit / norms)")
        ],
        "smooth_abs_forward": [
            ("units of an example pooled under one root", "(z.square() + eps)", "(z.square().sum(dim=1) + eps)")
        ],
        "log_cosh_forward": [
            (
                "written out, cosh overflows",
                "(z.abs() + F.softplus(-2 * z.abs()) - math.log(2)).sum()",
                "torch.log(torch.cosh(z)).sum()",
            )
        ],
        "second_moment_forward": [("second factor detached, half the gradient", "v.T @ v", "v.T @ v.detach()")],
        "reconstruction_forward": [("mean of the squares", '"sum"', '"mean"')],
        "weight_decay_forward": [("sum of absolute values", "W.square().sum()", "W.abs().sum()")],
        "se_kernel": [
            (
                "distances by the expanded square, which cancels",
                "(a[:, None] - b).square().sum(dim=2)",
                'torch.cdist(a, b, compute_mode="use_mm_for_euclid_dist").square()',
            )
        ],
        "covariance": [("covariance of the data raised to the power", "(data**power).T)", "data.T) ** power")],
        "ridge_dictionary": [
            (
                "ridge taken as relative to the mean variance",
                "ridge * torch.eye(",
                "ridge * atoms[alpha].diagonal().mean() * torch.eye(",
            )
        ],
        "mlp": [("biases decayed too", "(W, *itertools.chain(*w))", "(W, c, *b, *itertools.chain(*w))")],
        "convnet": [
            ("channels slowest before the top layer", "h.flatten(1)", "h.permute(0, 3, 1, 2).flatten(1)"),
            (
                "ReLU of the last convolution only",
                (
                    "h = F.relu(predicted_conv2d_forward(h, U_l, w_l, b_l, shape, 1, shape[0] // 2))\n"
                    "        h = max_pool2d_forward(h, 2, 2, True)\n"
                ),
                (
                    "h = predicted_conv2d_forward(h, U_l, w_l, b_l, shape, 1, shape[0] // 2)\n"
                    "        h = max_pool2d_forward(h, 2, 2, True)\n"
                    "    h = F.relu(h)\n"
                ),
            ),
        ],
    },
}
