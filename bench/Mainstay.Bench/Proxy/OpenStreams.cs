using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace Mainstay.Bench.Proxy;

/// <summary>Streams of a <see cref="TokenServer"/> that a <see cref="TokenReader"/>, a process of its own, holds open until this is disposed of.</summary>
internal sealed class OpenStreams : IDisposable
{
    private readonly Children _children;
    private readonly Process _reader;

    private OpenStreams(Children children, Process reader) => (_children, _reader) = (children, reader);

    /// <summary>Opens them; returns once each has begun.</summary>
    /// <exception cref="InvalidOperationException">One of them did not begin.</exception>
    public static async Task<OpenStreams> StartAsync(Children children, int port, int streams, CancellationToken cancel)
    {
        var reader = children.LaunchSelf("token-reader", port.ToString(CultureInfo.InvariantCulture), streams.ToString(CultureInfo.InvariantCulture));
        var said = await reader.StandardOutput.ReadLineAsync(cancel);
        if (said != "open")
            throw new InvalidOperationException($"Streams on port {port}: {said}");
        return new OpenStreams(children, reader);
    }

    /// <summary>What comes in so many seconds.</summary>
    public async Task<TokenResult> ReadAsync(int seconds, CancellationToken cancel)
    {
        await _reader.StandardInput.WriteLineAsync(seconds.ToString(CultureInfo.InvariantCulture).AsMemory(), cancel);
        await _reader.StandardInput.FlushAsync(cancel);
        var line = await _reader.StandardOutput.ReadLineAsync(cancel) ?? throw new InvalidOperationException($"The reader failed: {_children.ComplaintOf(_reader)}");
        return JsonSerializer.Deserialize<TokenResult>(line)!;
    }

    /// <summary>The same, with what it cost the proxy: microseconds of CPU for each event.</summary>
    public async Task<(double CpuUs, TokenResult Result)> CostAsync(Peer peer, int seconds, CancellationToken cancel)
    {
        var before = peer.CpuSeconds;
        var result = await ReadAsync(seconds, cancel);
        return ((peer.CpuSeconds - before) * 1e6 / result.Events, result);
    }

    public void Dispose() => _children.Stop(_reader);
}
