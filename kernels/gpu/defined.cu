// out[row] = a[row] B, by the definition, for the rows that are not finite; the others stay as they are.
//
// a (rows, inner), B (inner, columns), out (rows, columns), finite (rows,), with any strides: the two strides of an
// array go from row to row and from column to column. finite_row is 0 if one flag holds for all rows. A block takes one
// row after the other; it only reads flags if all rows are finite.

extern "C" __global__ void product_defined(const real *a, const real *B, const bool *finite, real *out, long long rows,
                                           long long inner, long long columns, long long a_row, long long a_column,
                                           long long B_row, long long B_column, long long finite_row,
                                           long long out_row, long long out_column)
{
    for (long long row = blockIdx.x; row < rows; row += gridDim.x) {
        if (finite[row * finite_row])
            continue;
        for (long long column = threadIdx.x; column < columns; column += blockDim.x) {
            real sum = 0;
            for (long long j = 0; j < inner; j++)
                sum += a[row * a_row + j * a_column] * B[j * B_row + column * B_column];
            out[row * out_row + column * out_column] = sum;
        }
    }
}
