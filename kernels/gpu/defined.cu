// out[row] = a[row] B, by the definition, for those rows alone that are not finite: the others stay as they are.
//
// a (rows, inner), B (inner, columns), out (rows, columns), finite (rows,), all of them with any strides: the two steps
// of an array are those from row to row and from column to column, and finite_row is 0 where one flag is for all rows.
// A block takes a row after the other, so where all are finite it is done as soon as it has read its flags.

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
