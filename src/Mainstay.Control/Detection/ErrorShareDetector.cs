namespace Mainstay.Control.Detection;

/// <summary>
/// Watches errors against volume on one series, a window at a time: the cumulative sum (Page 1954) of how much likelier so many
/// errors are at three times the usual share than at the usual one, in powers of ten. So much traffic tells at once what
/// little traffic tells later, and a few failed requests alarm nobody: five errors are the fewest. What is usual is
/// learned over some thousands of events, and not while the sum speaks against it, unless that lasts for sixty windows. Not safe
/// for several threads.
/// </summary>
public sealed class ErrorShareDetector
{
    private const double Worse = 3;
    private const double Alarm = 6;
    private const double Most = 15;
    private const double Unusual = 1;
    private const int FewestErrors = 5;
    private const double FewestEvents = 100;
    private const double Remembered = 20_000;
    private const double SmallestShare = 0.001;
    private const double LargestShare = 0.3;
    private const int LongUnusual = 60;
    private const int Version = 1;

    private State _state;

    /// <summary>Usual share of errors; a tenth of a percent at least: what never failed may still fail once.</summary>
    public double UsualShare => Math.Max(SmallestShare, _state.Events == 0 ? 0 : _state.Errors / _state.Events);

    /// <summary>True from when the evidence suffices until it is gone.</summary>
    public bool Alarming => _state.Alarming != 0;

    /// <summary>Start of the first window that counted; null while there is no evidence.</summary>
    public DateTimeOffset? Since => _state.Since == 0 ? null : new DateTimeOffset(_state.Since, TimeSpan.Zero);

    /// <summary>Share of errors since <see cref="Since"/>.</summary>
    public double RecentShare => _state.RecentEvents == 0 ? 0 : _state.RecentErrors / _state.RecentEvents;

    /// <summary>Judges a window and learns from it; false for one that cannot be: negative, or with more errors than events.</summary>
    /// <param name="start">Its start.</param>
    /// <param name="errors">Errors in it.</param>
    /// <param name="events">Events in it, errors included.</param>
    public bool Judge(DateTimeOffset start, long errors, long events)
    {
        if (errors < 0 || events < errors)
            return false;
        if (events == 0)
            return true;
        ref var s = ref _state;
        if (s.Events >= FewestEvents)
            Weigh(ref s, start, errors, events);
        s.Unusual = s.Sum > Unusual ? s.Unusual + 1 : 0;
        if (s.Unusual == 0 || s.Unusual > LongUnusual)
            Learn(ref s, errors, events);
        return true;
    }

    /// <summary>The state as bytes, for <see cref="Restore"/>.</summary>
    public byte[] Save() => SavedState.Write(Version, _state);

    /// <summary>A detector as it was when it was saved; null if the bytes are of another version.</summary>
    public static ErrorShareDetector? Restore(ReadOnlySpan<byte> saved) =>
        SavedState.TryRead(Version, saved, out State state) ? new ErrorShareDetector { _state = state } : null;

    private void Weigh(ref State s, DateTimeOffset start, long errors, long events)
    {
        var usual = Math.Min(UsualShare, LargestShare);
        s.Sum += (errors * Math.Log10(Worse)) + ((events - errors) * Math.Log10((1 - (Worse * usual)) / (1 - usual)));
        s.Sum = Math.Clamp(s.Sum, 0, Most);
        if (s.Sum == 0)
        {
            (s.Since, s.Alarming, s.RecentErrors, s.RecentEvents) = (0, 0, 0, 0);
            return;
        }
        if (s.Since == 0)
            s.Since = start.UtcTicks;
        (s.RecentErrors, s.RecentEvents) = (s.RecentErrors + errors, s.RecentEvents + events);
        if (s.Sum >= Alarm && s.RecentErrors >= FewestErrors)
            s.Alarming = 1;
    }

    private static void Learn(ref State s, long errors, long events)
    {
        (s.Errors, s.Events) = (s.Errors + errors, s.Events + events);
        if (s.Events > Remembered)
            (s.Errors, s.Events) = (s.Errors * Remembered / s.Events, Remembered);
    }

    private struct State
    {
        public double Errors;
        public double Events;
        public double RecentErrors;
        public double RecentEvents;
        public double Sum;
        public long Since;
        public long Unusual;
        public long Alarming;
    }
}
