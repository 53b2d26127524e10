using System.Collections.Immutable;

namespace Mainstay.Control.Signals;

/// <summary>One width of windows on disk.</summary>
/// <param name="Seconds">Of a window.</param>
/// <param name="Kept">How long windows of it are kept.</param>
/// <param name="Chunk">Windows that stand in one row.</param>
internal sealed record Resolution(int Seconds, TimeSpan Kept, int Chunk)
{
    /// <summary>How long windows of one second are kept, in memory alone.</summary>
    public static readonly TimeSpan SecondsKept = TimeSpan.FromMinutes(5);

    /// <summary>On disk, finest first.</summary>
    public static ImmutableArray<Resolution> All { get; } =
    [
        new(10, TimeSpan.FromHours(6), 120),
        new(60, TimeSpan.FromDays(3), 120),
        new(3600, TimeSpan.FromDays(400), 120),
    ];

    public static Resolution Tens => All[0];

    public static Resolution Minutes => All[1];

    public static Resolution Hours => All[2];

    /// <summary>Seconds since 1970 at which the window of a time begins.</summary>
    public long StartOf(long second) => second - (second % Seconds);

    /// <summary>Seconds since 1970 at which the chunk of a time begins.</summary>
    public long ChunkOf(long second) => second - (second % ((long)Seconds * Chunk));
}
