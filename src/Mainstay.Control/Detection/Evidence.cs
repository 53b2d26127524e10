using MathNet.Numerics;

namespace Mainstay.Control.Detection;

/// <summary>
/// Evidence that a series left its usual band, summed over windows: each adds −log10 of the probability of something as
/// unusual, less a drift that usual windows lose again. It alarms at a threshold and calms down near zero. This is a
/// cumulative sum test (Page 1954) over tail probabilities; a window adds no more than its cap, so that one odd window
/// can be told from a lasting change.
/// </summary>
internal sealed class Evidence(double cap)
{
    private const double Drift = 1;
    private const double Alarm = 9;
    private const double Calm = 1;
    private const double Most = 15;
    private const double Fading = 0.1;

    /// <summary>True from the threshold until the evidence is gone again.</summary>
    public bool Alarming { get; private set; }

    public double Sum { get; private set; }

    /// <summary>Start of the first window that counted; null while there is no evidence.</summary>
    public DateTimeOffset? Since { get; private set; }

    /// <param name="tail">Probability, from 0 to 1, of a window at least as unusual if all were as usual.</param>
    /// <param name="start">Start of that window.</param>
    public void Add(double tail, DateTimeOffset start)
    {
        var score = Math.Min(cap, -Math.Log10(Math.Max(tail, 1e-300)));
        Sum = Math.Clamp(Sum + score - Drift, 0, Most);
        if (Sum == 0)
            Since = null;
        else
            Since ??= start;
        Alarming = Sum >= Alarm || (Alarming && Sum > Calm);
    }

    /// <summary>A window without traffic: the evidence fades slowly, since it neither grows nor is refuted.</summary>
    public void Fade()
    {
        Sum = Math.Max(0, Sum - Fading);
        Alarming &= Sum > Calm;
        if (Sum == 0)
            Since = null;
    }

    /// <summary>Nothing is held against the series any more.</summary>
    public void Reset() => (Sum, Alarming, Since) = (0, false, null);

    /// <summary>P(X ≥ failures) for X binomial: n attempts that each fail with probability p.</summary>
    public static double BinomialTail(int failures, int attempts, double p) =>
        failures <= 0 ? 1 : SpecialFunctions.BetaRegularized(failures, attempts - failures + 1, p);

    /// <summary>P(Z ≥ z) for Z standard normal.</summary>
    public static double NormalTail(double z) => 0.5 * SpecialFunctions.Erfc(z / Math.Sqrt(2));
}
