using System.Globalization;

namespace Mainstay.Bench.Proxy;

/// <summary>Gathers what was measured of each proxy and of the servers themselves, called <c>direct</c>.</summary>
internal sealed class ProxyReport
{
    private static readonly string[] Peers = ["mainstay", "haproxy", "nginx"];
    private readonly Dictionary<(string Peer, string What), List<double>> _values = [];
    private int _streams;

    public void Plain(string peer, double cpuUs, Wrk loaded, Wrk single)
    {
        Add(peer, "cpu", cpuUs);
        Add(peer, "rate", loaded.Requests / loaded.Seconds);
        Add(peer, "p50", single.P50Us);
        Add(peer, "loaded p50", loaded.P50Us);
    }

    /// <summary>Runs of a second until CPU a piece no longer fell.</summary>
    public void WarmUp(string peer, bool isTokens, int runs) => Add(peer, isTokens ? "token warm-up" : "warm-up", runs);

    public void Tokens(string peer, double cpuUs, TokenResult result)
    {
        Add(peer, "token cpu", cpuUs);
        Add(peer, "token p50", result.P50Us);
        Add(peer, "token p99", result.P99Us);
    }

    public void Idle(IEnumerable<Peer> peers)
    {
        foreach (var peer in peers)
            Add(peer.Name, "plain memory", peer.ResidentMb);
    }

    public void Open(string peer, int streams, double memoryMb)
    {
        _streams = streams;
        Add(peer, "memory", memoryMb);
    }

    /// <summary>The table for people.</summary>
    public void Print()
    {
        Console.WriteLine("                                            mainstay   haproxy     nginx  mainstay/haproxy  mainstay/nginx");
        Line("seconds of warm-up, requests", "warm-up", added: false);
        Line("CPU µs a request (32 connections)", "cpu", added: false);
        Line("requests a second (32 connections)", "rate", added: false);
        Line("added p50 µs (1 connection)", "p50", added: true);
        Line("added p50 µs (32 connections, saturated)", "loaded p50", added: true);
        Line("memory MB after plain requests", "plain memory", added: false);
        Line("seconds of warm-up, tokens", "token warm-up", added: false);
        Line("CPU µs a token", "token cpu", added: false);
        Line("added p50 µs a token", "token p50", added: true);
        Line("added p99 µs a token", "token p99", added: true);
        Line(string.Create(CultureInfo.InvariantCulture, $"memory MB with {_streams:N0} open streams"), "memory", added: false);
    }

    /// <summary>The line for programs.</summary>
    public Dictionary<string, Dictionary<string, double?>> ForPrograms() => new()
    {
        ["cpu_us"] = Medians("cpu", added: false),
        ["added_p50_us"] = Medians("p50", added: true),
        ["sse_cpu_us"] = Medians("token cpu", added: false),
        ["sse_added_p50_us"] = Medians("token p50", added: true),
        ["rss_mb"] = Medians("memory", added: false),
    };

    private void Add(string peer, string what, double value)
    {
        if (!_values.TryGetValue((peer, what), out var values))
            _values[(peer, what)] = values = [];
        values.Add(value);
    }

    private void Line(string title, string what, bool added)
    {
        var medians = Peers.Select(peer => Value(peer, what, added)).ToArray();
        if (medians[0] is null)
            return;
        string Ratio(int other) => added ? "" : Format(Paired("mainstay", Peers[other], what), "0.00");
        Console.WriteLine($"{title,-42}{Format(medians[0], "0.0"),10}{Format(medians[1], "0.0"),10}{Format(medians[2], "0.0"),10}{Ratio(1),18}{Ratio(2),16}");
    }

    private static string Format(double? value, string format) => value?.ToString(format, CultureInfo.InvariantCulture) ?? "–";

    private Dictionary<string, double?> Medians(string what, bool added) =>
        Peers.ToDictionary(peer => peer, peer => Value(peer, what, added) is { } value ? Math.Round(value, 2) : (double?)null);

    /// <summary>The median of all rounds; or of what each round had above the servers themselves in the same round.</summary>
    private double? Value(string peer, string what, bool added)
    {
        if (!_values.TryGetValue((peer, what), out var values))
            return null;
        return Median(added ? values.Zip(_values[("direct", what)], (through, direct) => through - direct) : values);
    }

    /// <summary>The median of the ratios within each round: what disturbs the machine for longer disturbs both.</summary>
    private double? Paired(string peer, string other, string what) =>
        _values.TryGetValue((peer, what), out var values) && _values.TryGetValue((other, what), out var others)
            ? Median(values.Zip(others, (a, b) => a / b))
            : null;

    private static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }
}
