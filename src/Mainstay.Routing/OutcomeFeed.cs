using System.Threading.Channels;

namespace Mainstay.Routing;

/// <summary>
/// What the data plane saw, on its way to whoever judges it. Bounded: when nobody reads, the newest is dropped and
/// counted. Reporting never waits, so that a stopped control plane cannot stop traffic. Safe for any number of threads.
/// </summary>
public sealed class OutcomeFeed
{
    private readonly Channel<Observation> _channel;
    private long _dropped;

    /// <param name="capacity">Observations kept while nobody reads.</param>
    public OutcomeFeed(int capacity = 1 << 16) =>
        _channel = Channel.CreateBounded<Observation>(
            new BoundedChannelOptions(capacity) { FullMode = BoundedChannelFullMode.Wait, SingleReader = true });

    /// <summary>Observations that found the feed full, since the start.</summary>
    public long Dropped => Interlocked.Read(ref _dropped);

    /// <summary>The reading end; one reader.</summary>
    public ChannelReader<Observation> Reader => _channel.Reader;

    public void Report(Observation observation)
    {
        if (!_channel.Writer.TryWrite(observation))
            Interlocked.Increment(ref _dropped);
    }
}
