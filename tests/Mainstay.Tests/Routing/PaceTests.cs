using FsCheck.Fluent;
using Mainstay.Routing;

namespace Mainstay.Tests.Routing;

public sealed class PaceTests
{
    private const long Second = 1000;
    private readonly Pace _pace = new(Second);

    [Fact]
    public void Nothing_is_known_at_first()
    {
        Assert.Equal(0, _pace.Lately);
        Assert.Equal(40, _pace.At(0, unknown: 40, most: 320));
    }

    [Fact]
    public void One_that_was_never_asked_is_idle_from_the_first_look_at_it()
    {
        Assert.Equal(40, _pace.At(1_000_000 * Second, unknown: 40, most: 320));
        Assert.Equal(20, _pace.At(1_000_010 * Second, unknown: 40, most: 320), 6);
    }

    [Fact]
    public void It_follows_what_is_seen_within_seconds()
    {
        Answer(at: 0, took: 100);
        Assert.Equal(100, _pace.Lately);
        for (var at = 100; at <= 6 * Second; at += 100)
            Answer(at, took: 1000);
        Assert.InRange(_pace.Lately, 850, 1000);
    }

    [Fact]
    public void One_answer_of_many_moves_it_little()
    {
        for (var at = 0; at < Second; at += 10)
            Answer(at, took: 100);
        Answer(Second, took: 10_000);
        Assert.InRange(_pace.Lately, 100, 105);
    }

    [Fact]
    public void What_fails_at_once_is_not_quick_and_what_fails_late_is_slow()
    {
        Answer(at: 0, took: 100);
        _pace.Begin(Second);
        _pace.End(Second + 1, took: 1, answered: false);
        Assert.Equal(100, _pace.Lately);
        _pace.Begin(Second);
        _pace.End(3 * Second, took: 2 * Second, answered: false);
        Assert.True(_pace.Lately > 500);
    }

    [Fact]
    public void Silence_counts_while_somebody_waits()
    {
        Answer(at: 0, took: 100);
        _pace.Begin(Second);
        Assert.Equal(100, _pace.At(Second + 50, unknown: 0, most: 5000));
        Assert.Equal(700, _pace.At(Second + 700, unknown: 0, most: 5000));
        Assert.Equal(500, _pace.At(Second + 700, unknown: 0, most: 500));
        // A sign of life ends it, whoever gets it.
        _pace.Begin(Second + 700);
        _pace.End(Second + 800, took: 100, answered: true);
        Assert.InRange(_pace.At(Second + 800, unknown: 0, most: 5000), 99, 101);
    }

    [Fact]
    public void While_nothing_is_asked_of_it_it_is_thought_quicker()
    {
        Answer(at: 0, took: 100);
        Assert.Equal(50, _pace.At(10 * Second, unknown: 0, most: 5000), 6);
    }

    [Fact]
    public void It_stays_between_the_least_and_the_most_that_was_seen()
    {
        var answers = Gen.Choose(0, 3000).SelectMany(gap => Gen.Choose(1, 5000).Select(took => (gap, took))).NonEmptyListOf();
        Property.Holds(answers, run =>
        {
            var pace = new Pace(Second);
            long at = 0;
            foreach (var (gap, took) in run)
            {
                at += gap;
                pace.Begin(at);
                pace.End(at, took, answered: true);
            }
            return pace.Lately >= run.Min(r => r.took) * 0.999999 && pace.Lately <= run.Max(r => r.took) * 1.000001;
        });
    }

    private void Answer(long at, long took)
    {
        _pace.Begin(at);
        _pace.End(at, took, answered: true);
    }
}
