using Mainstay.Control.Telemetry;
using Mainstay.Routing;

namespace Mainstay.Tests.Telemetry;

public sealed class WindowTests
{
    [Fact]
    public void Attempts_count_unless_they_say_nothing_of_their_server()
    {
        var window = new Window();
        foreach (var result in Enum.GetValues<AttemptResult>())
            window.Add(Scene.Attempt("a1", result));
        // The caller left, another was quicker, or this process had no descriptor left to ask with.
        Assert.Equal(Enum.GetValues<AttemptResult>().Length - 3, window.Count);
        // All but the answered one and the one that a server refused with 429.
        Assert.Equal(window.Count - 2, window.Failed);
        Assert.Equal(1, window.FirstByte.Count);
        Assert.Equal(0, window[AttemptResult.CallerLeft] + window[AttemptResult.Outrun] + window[AttemptResult.OutOfSockets]);
        Assert.Equal(1, window[AttemptResult.Stalled]);
    }

    [Fact]
    public void Requests_count_unless_their_caller_left_and_callers_errors_are_answers()
    {
        var window = new Window();
        foreach (var result in Enum.GetValues<OutcomeResult>())
            window.Add(Scene.Outcome(Scene.Start, "chat", result, 20));
        Assert.Equal((3, 1, 2), (window.Count, window.Failed, window.FirstByte.Count));
        Assert.Equal(1.0 / 3, window.ErrorShare);
        Assert.Equal(0, new Window().ErrorShare);
    }

    [Fact]
    public void Merging_adds_every_count()
    {
        Window one = new(), other = new();
        one.Add(Scene.Attempt("a1"));
        other.Add(Scene.Attempt("a1", AttemptResult.Broken));
        other.Add(Scene.Attempt("a1", AttemptResult.Broken));
        one.Add(other);
        Assert.Equal((3, 2, 2, 1), (one.Count, one.Failed, one[AttemptResult.Broken], one.FirstByte.Count));
    }
}
