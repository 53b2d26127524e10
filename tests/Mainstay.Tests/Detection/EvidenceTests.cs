using FsCheck.Fluent;
using Mainstay.Control.Detection;

namespace Mainstay.Tests.Detection;

public sealed class EvidenceTests
{
    private const double Latency = 4.5;
    private const double Errors = 12;

    [Theory]
    [InlineData(Latency, 1, false)]
    [InlineData(Latency, 2, false)]
    [InlineData(Latency, 3, true)]
    [InlineData(Errors, 1, true)]
    public void How_many_surely_odd_windows_alarm(double cap, int windows, bool alarms)
    {
        var evidence = new Evidence(cap);
        for (var i = 0; i < windows; i++)
            evidence.Add(1e-40, Scene.Start.AddSeconds(i));
        Assert.Equal(alarms, evidence.Alarming);
        Assert.Equal(Scene.Start, evidence.Since);
    }

    [Fact]
    public void Usual_windows_never_alarm_and_leave_no_evidence()
    {
        var (evidence, random) = (new Evidence(Errors), new Random(5));
        for (var i = 0; i < 100_000; i++)
        {
            // The tail probability of a usual window is uniform.
            evidence.Add(random.NextDouble(), Scene.Start.AddSeconds(i));
            Assert.False(evidence.Alarming);
        }
        evidence.Add(1, Scene.Start);
        Assert.InRange(evidence.Sum, 0, 9);
    }

    [Fact]
    public void An_alarm_lasts_until_the_evidence_is_gone()
    {
        var evidence = new Evidence(Errors);
        for (var i = 0; i < 100; i++)
            evidence.Add(0, Scene.Start.AddSeconds(i));
        Assert.Equal(15, evidence.Sum);
        var windows = 0;
        for (; evidence.Alarming; windows++)
            evidence.Add(1, Scene.Start.AddSeconds(100 + windows));
        Assert.Equal(14, windows);
        Assert.NotNull(evidence.Since);
        evidence.Add(1, Scene.Start);
        Assert.Equal((0, null), (evidence.Sum, evidence.Since));
    }

    [Fact]
    public void Without_traffic_it_fades_slowly()
    {
        var evidence = new Evidence(Errors);
        evidence.Add(0, Scene.Start);
        for (var i = 0; i < 95; i++)
            evidence.Fade();
        Assert.True(evidence.Alarming);
        for (var i = 0; i < 10; i++)
            evidence.Fade();
        Assert.False(evidence.Alarming);
        for (var i = 0; i < 10; i++)
            evidence.Fade();
        Assert.Equal((0, null), (evidence.Sum, evidence.Since));
    }

    [Fact]
    public void A_reset_forgets_all()
    {
        var evidence = new Evidence(Errors);
        evidence.Add(0, Scene.Start);
        evidence.Reset();
        Assert.Equal((0, false, null), (evidence.Sum, evidence.Alarming, evidence.Since));
    }

    [Fact]
    public void The_binomial_tail_is_the_sum_of_its_terms() =>
        Property.Holds(Gen.Choose(0, int.MaxValue), seed =>
        {
            var random = new Random(seed);
            var (n, p) = (random.Next(1, 60), 0.001 + (random.NextDouble() * 0.9));
            var k = random.Next(0, n + 1);
            var sum = 0.0;
            for (var i = k; i <= n; i++)
                sum += Math.Exp(LogChoose(n, i) + (i * Math.Log(p)) + ((n - i) * Math.Log(1 - p)));
            return Math.Abs(Evidence.BinomialTail(k, n, p) - sum) < 1e-9;
        });

    [Theory]
    [InlineData(0, 0.5)]
    [InlineData(1.959964, 0.025)]
    [InlineData(-1.959964, 0.975)]
    [InlineData(4, 3.167e-5)]
    public void The_normal_tail_is_that_of_the_tables(double z, double tail) => Assert.Equal(tail, Evidence.NormalTail(z), 1e-6);

    private static double LogChoose(int n, int k) =>
        Enumerable.Range(1, k).Sum(i => Math.Log(n - k + i) - Math.Log(i));
}
