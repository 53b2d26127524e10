// Real processes take the machine's time from each other, but most tests wait: a few side by side, the measuring ones alone.
[assembly: CollectionBehavior(MaxParallelThreads = 4)]

namespace Mainstay.Scenarios;

/// <summary>Tests that measure times; nothing else runs beside them.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class Measured
{
    public const string Name = "measured";
}
