using FsCheck;
using FsCheck.Fluent;
using Mainstay.Control.Detection;

namespace Mainstay.Tests.Detection;

public sealed class SeriesDetectorTests
{
    private static readonly DateTimeOffset Start = new(2026, 1, 5, 0, 0, 0, TimeSpan.Zero);

    /// <summary>Points of any kind: values of many sizes, none at all, gaps, doubles, steps back.</summary>
    private static readonly Gen<(int Seconds, double Value)[]> AnyPoints =
        Gen.Frequency(
            (20, Gen.Choose(1, 600)), (1, Gen.Constant(0)), (1, Gen.Choose(-4_000, -1)), (1, Gen.Choose(10_000, 400_000)))
        .Zip(Gen.Frequency(
            (20, Gen.Choose(0, 1_000).Select(v => v / 10.0)),
            (4, Gen.Constant(7.0)),
            (1, Gen.Elements(double.NaN, double.PositiveInfinity, double.NegativeInfinity, 1e300, -1e300, 1e29, -1e29, 5e-324, 0))))
        .Select(p => (p.Item1, p.Item2))
        .ArrayOf(400);

    [Fact]
    public void A_value_beyond_all_before_stands_out_and_its_neighbours_do_not()
    {
        var series = new Points();
        var random = new Random(1);
        for (var i = 0; i < 2_000; i++)
            series.Judge(100 + random.NextDouble());
        var score = series.Judge(110);
        Assert.True(score.Score > 0.99, score.ToString());
        Assert.Equal(SeriesAspect.Value, score.Evidence!.Aspect);
        Assert.Equal((110, Start.AddMinutes(2_000)), (score.Evidence.Observed, score.Evidence.Since));
        Assert.InRange(score.Evidence.High, 100.9, 101);
        Assert.InRange(score.Evidence.Low, 100, 100.1);
        Assert.Contains("110; was 100", score.Evidence.Summary, StringComparison.Ordinal);
        Assert.Equal(0, series.Judge(100.5).Score);
    }

    [Fact]
    public void Worse_news_is_news_even_in_the_refractory_period()
    {
        var series = new Points();
        var random = new Random(1);
        for (var i = 0; i < 2_000; i++)
            series.Judge(100 + random.NextDouble());
        Assert.True(series.Judge(103).Score > SeriesDetector.Alarm);
        Assert.Equal(0, series.Judge(103).Score);
        Assert.True(series.Judge(200).Score > SeriesDetector.Alarm);
    }

    [Fact]
    public void New_series_are_silent_until_they_are_known()
    {
        var series = new Points();
        for (var i = 0; i < Rarity.Silent; i++)
            Assert.Equal(0, series.Judge(i % 7 == 0 ? 1e6 : i).Score);
    }

    /// <summary>A change of level within the range of single values is seen by the mean over some tens of points.</summary>
    [Fact]
    public void A_level_that_rises_within_the_usual_range_stands_out()
    {
        var series = new Points();
        var random = new Random(2);
        for (var i = 0; i < 3_000; i++)
            series.Judge(50 + (50 * random.NextDouble()));
        var scores = Enumerable.Range(0, 100).Select(_ => series.Judge(94 + (4 * random.NextDouble()))).ToList();
        var alarm = scores.Find(s => s.Evidence is not null);
        Assert.Equal(SeriesAspect.Level, alarm.Evidence?.Aspect);
    }

    [Fact]
    public void Trembling_within_the_usual_range_stands_out()
    {
        var series = new Points();
        for (var i = 0; i < 3_000; i++)
            series.Judge(50 + (40 * Math.Sin(i / 30.0)));
        var scores = Enumerable.Range(0, 60).Select(i => series.Judge(i % 2 == 0 ? 40 : 60)).ToList();
        Assert.Equal(SeriesAspect.Change, scores.Find(s => s.Evidence is not null).Evidence?.Aspect);
    }

    /// <summary>Busy by day, idle at night: a night as busy as a day lies within all that was, except for its time.</summary>
    [Fact]
    public void A_night_as_busy_as_a_day_stands_out()
    {
        var series = new Points(TimeSpan.FromMinutes(5));
        var random = new Random(3);
        double Value(int i) => (i % 288 is > 96 and < 240 ? 100 : 20) + (8 * random.NextDouble());
        for (var i = 0; i < 288 * 10; i++)
            series.Judge(Value(i));
        var quiet = Enumerable.Range(0, 20).Select(i => series.Judge(Value(i))).ToList();
        Assert.DoesNotContain(quiet, s => s.Evidence is not null);
        var busy = Enumerable.Range(20, 60).Select(_ => series.Judge(104 + (4 * random.NextDouble()))).ToList();
        Assert.Contains(busy, s => s.Evidence?.Aspect is SeriesAspect.Rhythm);
    }

    [Fact]
    public void A_series_that_never_stood_still_and_now_does_stands_out_and_a_count_of_rare_events_does_not()
    {
        var (sensor, count) = (new Points(), new Points());
        var random = new Random(4);
        for (var i = 0; i < 1_000; i++)
        {
            sensor.Judge(random.NextDouble());
            count.Judge(random.Next(20) == 0 ? 1 : 0);
        }
        var flat = Enumerable.Range(0, 40).Select(_ => (Sensor: sensor.Judge(0.5), Count: count.Judge(0))).ToList();
        Assert.Contains(flat, s => s.Sensor.Evidence?.Aspect is SeriesAspect.Flat);
        Assert.DoesNotContain(flat, s => s.Count.Evidence is not null);
    }

    [Fact]
    public void Silence_is_told_once_it_is_three_times_the_longest_gap()
    {
        var detector = new SeriesDetector();
        for (var i = 0; i < 50; i++)
            detector.Judge(Start.AddSeconds(10 * i), i % 5);
        Assert.Null(detector.Silence(Start.AddSeconds(490 + 30)));
        var silence = detector.Silence(Start.AddSeconds(490 + 31))!;
        Assert.Equal((SeriesAspect.Silence, 31, Start.AddSeconds(490)), (silence.Aspect, silence.Observed, silence.Since));
        Assert.Null(new SeriesDetector().Silence(Start));
    }

    [Fact]
    public void What_cannot_be_judged_is_counted_and_changes_nothing_else()
    {
        var (clean, soiled) = (new SeriesDetector(), new SeriesDetector());
        var random = new Random(5);
        for (var i = 0; i < 500; i++)
        {
            var value = random.NextDouble();
            Assert.Equal(clean.Judge(Start.AddMinutes(i), value), soiled.Judge(Start.AddMinutes(i), value));
            Assert.Equal(default, soiled.Judge(Start.AddMinutes(i + 0.5), double.NaN));
            Assert.Equal(default, soiled.Judge(Start.AddMinutes(i), 1_000));
            Assert.Equal(default, soiled.Judge(Start.AddMinutes(i - 7), -1_000));
        }
        Assert.Equal((500, 500, 1_000), (soiled.Points, soiled.NotFinite, soiled.Late));
    }

    [Fact]
    public void A_clock_that_is_set_back_for_good_is_believed_after_ten_points()
    {
        var detector = new SeriesDetector();
        for (var i = 0; i < 100; i++)
            detector.Judge(Start.AddMinutes(i), i % 7);
        for (var i = 0; i < 100; i++)
            detector.Judge(Start.AddDays(-1).AddMinutes(i), i % 7);
        Assert.Equal(100 + 91, detector.Points);
    }

    /// <summary>Split anywhere, saved and restored, the rest of the series gets the very same scores; and points to come change
    /// nothing about those before, because nobody looks at them.</summary>
    [Fact]
    public void A_restored_detector_goes_on_exactly_as_the_saved_one() => Property.Holds(
        AnyPoints.Zip(Gen.Choose(0, 400)),
        pair =>
        {
            var (points, split) = (pair.Item1, Math.Min(pair.Item2, pair.Item1.Length));
            var whole = Scores(new SeriesDetector(), points, Start);
            var first = new SeriesDetector();
            var before = Scores(first, points[..split], Start);
            var restored = SeriesDetector.Restore(first.Save())!;
            var after = Scores(restored, points[split..], Start.AddSeconds(points[..split].Sum(p => p.Seconds)));
            return whole.SequenceEqual([.. before, .. after]);
        },
        cases: 500);

    [Fact]
    public void Scores_are_finite_and_from_0_to_1_whatever_comes() => Property.Holds(
        AnyPoints,
        points => Scores(new SeriesDetector(), points, Start)
            .All(s => s.Score is >= 0 and <= 1 && double.IsFinite(s.Surprise) && s.Surprise >= 0),
        cases: 500);

    /// <summary>What a series is measured in makes no difference.</summary>
    [Theory]
    [InlineData(1024)]
    [InlineData(1.0 / 4096)]
    [InlineData(-1)]
    public void The_unit_of_a_series_does_not_matter(double unit)
    {
        var (one, other) = (new Points(), new Points());
        var random = new Random(6);
        for (var i = 0; i < 3_000; i++)
        {
            var value = 1000 + (random.NextDouble() * random.NextDouble() * 500);
            Assert.Equal(one.Judge(value).Surprise, other.Judge(value * unit).Surprise, 0.01);
        }
    }

    /// <summary>Random series without any anomaly, of quite different kinds: none alarms more than a dozen times in 5,000 points.</summary>
    [Theory]
    [InlineData("uniform")]
    [InlineData("normal")]
    [InlineData("heavy")]
    [InlineData("counts")]
    public void Alarms_are_rare_on_every_kind_of_series(string kind)
    {
        const int Series = 20;
        const int Length = 5_000;
        var alarms = 0;
        for (var seed = 0; seed < Series; seed++)
        {
            var random = new Random(seed);
            var series = new Points();
            for (var i = 0; i < Length; i++)
            {
                var (u, v) = (random.NextDouble(), random.NextDouble());
                var normal = Math.Sqrt(-2 * Math.Log(1 - u)) * Math.Cos(2 * Math.PI * v);
                var score = series.Judge(kind switch
                {
                    "uniform" => u,
                    "normal" => normal,
                    "heavy" => Math.Exp(normal),
                    _ => Math.Floor(-5 * Math.Log(1 - u)),
                });
                if (score.Evidence is not null)
                    alarms++;
            }
        }
        Assert.InRange(alarms / (double)Series, 0, 12);
    }

    [Fact]
    public void The_state_of_a_series_is_at_most_2_KB() => Assert.InRange(SeriesDetector.SavedBytes, 1, 2_048);

    [Fact]
    public void Bytes_of_another_version_are_not_restored()
    {
        var saved = new SeriesDetector().Save();
        saved[0]++;
        Assert.Null(SeriesDetector.Restore(saved));
        Assert.Null(SeriesDetector.Restore(saved.AsSpan(1)));
    }

    private static List<SeriesScore> Scores(SeriesDetector detector, (int Seconds, double Value)[] points, DateTimeOffset at)
    {
        var scores = new List<SeriesScore>();
        foreach (var (seconds, value) in points)
            scores.Add(detector.Judge(at += TimeSpan.FromSeconds(seconds), value));
        return scores;
    }

    /// <summary>Points of one series at even distances.</summary>
    private sealed class Points(TimeSpan? step = null)
    {
        private readonly SeriesDetector _detector = new();
        private int _count;

        public SeriesScore Judge(double value) => _detector.Judge(Start + (_count++ * (step ?? TimeSpan.FromMinutes(1))), value);
    }
}
