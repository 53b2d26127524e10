namespace Mainstay.Control.AiModels;

/// <summary>A sparse matrix, row after row: row r's entries lie from <c>Starts[r]</c> to before <c>Starts[r+1]</c>.</summary>
internal sealed record SparseRows(int[] Starts, int[] Columns, float[] Values, int Width)
{
    public int Count => Starts.Length - 1;
}

/// <summary>
/// L2-regularised logistic regression by dual coordinate descent (Yu, Huang and Lin 2011, "Dual coordinate descent methods
/// for logistic regression and maximum entropy models", algorithm 5; the inner Newton step as in LIBLINEAR). It minimises
/// ½‖w‖² + C Σ ln(1 + exp(−y w·x)). The bias is one more feature of value 1.
/// </summary>
internal sealed class LogisticRegression(SparseRows rows, double cost, int seed)
{
    private const int MaxPasses = 100;
    private const double Tolerance = 0.1; // of the dual gradient; a tenth of it changes no figure of the benchmark
    private const int MaxNewtonSteps = 100;
    private const double SmallestInnerTolerance = 1e-8;
    private readonly double[] _squares = Squares(rows);

    /// <summary>In: whether each row is of the class. Out: one weight for each column, then the bias.</summary>
    public float[] Fit(ReadOnlySpan<bool> positive)
    {
        var weights = new float[rows.Width + 1];
        // Each row's dual variable in (0, C) and what is left of it to C: kept both, as the difference alone would lose digits.
        var alphas = new double[rows.Count];
        var others = new double[rows.Count];
        var order = new int[rows.Count];
        var start = Math.Min(0.001 * cost, 1e-8);
        for (var row = 0; row < rows.Count; row++)
        {
            order[row] = row;
            alphas[row] = start;
            others[row] = cost - start;
            AddTo(weights, row, positive[row] ? start : -start);
        }
        var random = new Random(seed);
        var innerTolerance = 1e-2;
        for (var pass = 0; pass < MaxPasses; pass++)
        {
            random.Shuffle(order);
            var largest = 0.0;
            var newtonSteps = 0;
            foreach (var row in order)
            {
                var sign = positive[row] ? 1 : -1;
                var margin = sign * Dot(weights, row);
                var mirrored = (0.5 * _squares[row] * (others[row] - alphas[row])) + margin < 0;
                ref var near = ref mirrored ? ref others[row] : ref alphas[row];
                var (z, gradient, steps) = Solve(near, _squares[row], mirrored ? -margin : margin, innerTolerance);
                largest = Math.Max(largest, Math.Abs(gradient));
                if (steps == 0) continue;
                newtonSteps += steps;
                AddTo(weights, row, (mirrored ? -sign : sign) * (z - near));
                near = z;
                (mirrored ? ref alphas[row] : ref others[row]) = cost - z;
            }
            if (largest < Tolerance) break;
            if (newtonSteps <= rows.Count / 10) innerTolerance = Math.Max(SmallestInnerTolerance, 0.1 * innerTolerance);
        }
        return weights;
    }

    // One variable: minimise over z in (0, C), from its old value. Out: z, the gradient before, the Newton steps taken.
    private (double Z, double Gradient, int Steps) Solve(double old, double square, double margin, double tolerance)
    {
        var z = cost - old < 0.5 * cost ? 0.1 * old : old;
        var gradient = (square * (z - old)) + margin + Math.Log(z / (cost - z));
        var first = gradient;
        var steps = 0;
        for (; steps <= MaxNewtonSteps && Math.Abs(gradient) >= tolerance; steps++)
        {
            var next = z - (gradient / (square + (cost / (cost - z) / z)));
            z = next <= 0 ? z * 0.1 : next;
            gradient = (square * (z - old)) + margin + Math.Log(z / (cost - z));
        }
        return (z, first, steps);
    }

    private double Dot(float[] weights, int row)
    {
        var from = rows.Starts[row];
        var length = rows.Starts[row + 1] - from;
        var columns = rows.Columns.AsSpan(from, length);
        var values = rows.Values.AsSpan(from, length);
        float sum = weights[^1];
        for (var i = 0; i < columns.Length; i++) sum += weights[columns[i]] * values[i];
        return sum;
    }

    private void AddTo(float[] weights, int row, double factor)
    {
        var from = rows.Starts[row];
        var length = rows.Starts[row + 1] - from;
        var columns = rows.Columns.AsSpan(from, length);
        var values = rows.Values.AsSpan(from, length);
        var by = (float)factor;
        for (var i = 0; i < columns.Length; i++) weights[columns[i]] += by * values[i];
        weights[^1] += by;
    }

    private static double[] Squares(SparseRows rows)
    {
        var squares = new double[rows.Count];
        for (var row = 0; row < squares.Length; row++)
        {
            var sum = 1.0;
            for (var i = rows.Starts[row]; i < rows.Starts[row + 1]; i++) sum += rows.Values[i] * rows.Values[i];
            squares[row] = sum;
        }
        return squares;
    }
}
