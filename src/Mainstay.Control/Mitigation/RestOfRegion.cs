using Mainstay.Control.Telemetry;

namespace Mainstay.Control.Mitigation;

/// <summary>
/// The servers of a region that nothing is held against while others of it are blamed, for one service of one incident. They
/// are judged together and by what is usual in the region: one that got little traffic has no past of its own, and only when
/// it serves in place of those that were drained does it show that it is ill too.
/// </summary>
internal sealed class RestOfRegion
{
    private const int EnoughAttempts = 10;

    /// <summary>One odd second, as of servers that suddenly get all of the work, is not enough.</summary>
    private const int InARow = 2;

    /// <summary>Ticks without any attempt after which nobody suffers from it.</summary>
    private const int Silent = 5;

    private Window _recent = new();
    private int _silent;
    private int _blamed;
    private int _ill;

    /// <summary>What is wrong with it, in words with units; null: nothing is known to be.</summary>
    public string? Trouble { get; private set; }

    /// <summary>True once its trouble has lasted.</summary>
    public bool IsIll => _ill >= InARow;

    /// <summary>Takes in what a tick saw of it.</summary>
    /// <param name="blamed">How many servers are blamed; when others are, the rest is another.</param>
    /// <param name="windows">The attempts on its servers in that tick.</param>
    /// <param name="usualMs">Usual median time of the region in milliseconds; null if unknown.</param>
    /// <param name="usualErrors">Usual share of failures there.</param>
    public void Add(int blamed, IEnumerable<Window> windows, double? usualMs, double usualErrors)
    {
        var before = _recent.Count;
        foreach (var window in windows)
            _recent.Add(window);
        _silent = _recent.Count > before ? 0 : _silent + 1;
        if (blamed != _blamed || _silent >= Silent)
            (_blamed, _ill, _recent, Trouble) = (blamed, 0, new Window(), null);
        if (_recent.Count < EnoughAttempts)
            return;
        Trouble = Easing.Trouble(_recent, usualMs, usualErrors);
        _ill = Trouble is null ? 0 : _ill + 1;
        _recent = new Window();
    }
}
