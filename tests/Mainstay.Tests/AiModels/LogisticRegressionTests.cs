using Mainstay.Control.AiModels;
using Xunit;

namespace Mainstay.Tests.AiModels;

public sealed class LogisticRegressionTests
{
    // The same objective by plain gradient descent, slow and beyond doubt.
    [Theory]
    [InlineData(0.1)]
    [InlineData(1)]
    [InlineData(16)]
    public void Dual_descent_reaches_the_optimum_of_gradient_descent(double cost)
    {
        var random = new Random(5);
        const int Rows = 60, Width = 4;
        var values = new float[Rows * Width];
        for (var i = 0; i < values.Length; i++) values[i] = (float)(random.NextDouble() - 0.5);
        var positive = new bool[Rows];
        for (var row = 0; row < Rows; row++) positive[row] = values[row * Width] + (0.3 * (random.NextDouble() - 0.5)) > 0.1;
        var rows = new SparseRows(
            [.. Enumerable.Range(0, Rows + 1).Select(row => row * Width)],
            [.. Enumerable.Range(0, Rows * Width).Select(i => i % Width)], values, Width);

        var fitted = new LogisticRegression(rows, cost, seed: 1).Fit(positive).Select(w => (double)w).ToArray();
        var best = new double[Width + 1];
        for (var step = 0; step < 20_000; step++)
        {
            var gradient = Gradient(best);
            for (var k = 0; k <= Width; k++) best[k] -= 0.5 / (1 + (cost * Rows)) * gradient[k];
        }
        Assert.InRange(Objective(fitted), Objective(best) * (1 - 1e-9), Objective(best) * 1.01);

        double Margin(double[] w, int row) =>
            (positive[row] ? 1 : -1) * (w[Width] + Enumerable.Range(0, Width).Sum(k => w[k] * values[(row * Width) + k]));

        double Objective(double[] w) =>
            (0.5 * w.Sum(x => x * x)) + (cost * Enumerable.Range(0, Rows).Sum(row => Math.Log(1 + Math.Exp(-Margin(w, row)))));

        double[] Gradient(double[] w)
        {
            var gradient = (double[])w.Clone();
            for (var row = 0; row < Rows; row++)
            {
                var pull = cost * (positive[row] ? 1 : -1) / (1 + Math.Exp(Margin(w, row)));
                for (var k = 0; k < Width; k++) gradient[k] -= pull * values[(row * Width) + k];
                gradient[Width] -= pull;
            }
            return gradient;
        }
    }
}
