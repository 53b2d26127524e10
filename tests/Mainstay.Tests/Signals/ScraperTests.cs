using System.Net;
using System.Net.Sockets;
using System.Text;
using Mainstay.Control.Config;
using Mainstay.Control.Signals;

namespace Mainstay.Tests.Signals;

public sealed class ScraperTests : IDisposable
{
    private readonly SignalHouse _house = new(clock: TimeProvider.System);
    private readonly List<SeriesAlarm> _alarms = [];
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly Scraper _scraper;

    public ScraperTests()
    {
        _listener.Start();
        _scraper = new Scraper(() => [], _house.Store, alarms => _alarms.AddRange(alarms), _house.Troubles, TimeProvider.System, new Random(1));
    }

    public void Dispose()
    {
        _scraper.Dispose();
        _listener.Dispose();
        _house.Dispose();
    }

    [Fact]
    public async Task A_target_is_read_with_its_labels_and_is_up()
    {
        var (target, job) = Target("vllm");
        Assert.Null(await ReadAsync(target, job, "vllm:num_requests_running 3\n"));
        var series = _house.Store.List(null).Series;
        Assert.Equal(["scrape_duration_seconds", "up", "vllm:num_requests_running"], series.Select(s => s.Name));
        Assert.All(series, s => Assert.Equal(("j", "us-east-1", target.Address.Authority), (s.Labels["job"], s.Labels["region"], s.Labels["instance"])));
    }

    [Fact]
    public async Task A_profile_names_what_is_full_when_it_is_so_twice()
    {
        var (target, job) = Target("vllm");
        for (var i = 0; i < 2; i++)
            await ReadAsync(target, job, "vllm:kv_cache_usage_perc{model=\"m\"} 0.99\n");
        var alarm = Assert.Single(_alarms);
        Assert.Equal("saturated", alarm.Name);
        Assert.Contains("cache of keys and values is full", alarm.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_share_of_a_file_system_is_held_against_its_size()
    {
        var read = ExpositionText.Read(
            "node_filesystem_avail_bytes{mountpoint=\"/\"} 4\nnode_filesystem_size_bytes{mountpoint=\"/\"} 100\nnode_filesystem_avail_bytes{mountpoint=\"/data\"} 40\nnode_filesystem_size_bytes{mountpoint=\"/data\"} 100\n",
            _house.Now, []);
        Assert.Equal("/", Assert.Single(Profile.Saturated("node", read.Points)).Series["mountpoint"]);
    }

    [Fact]
    public async Task A_target_that_never_ends_its_answer_is_down_in_time_and_told_when_it_is_so_twice()
    {
        var (target, job) = Target(null);
        job = job with { Timeout = TimeSpan.FromMilliseconds(200) };
        for (var i = 0; i < 2; i++)
        {
            using var ends = new CancellationTokenSource();
            var serving = EndlessAsync(ends.Token);
            Assert.Contains("not ended its answer", await _scraper.ReadAsync(target, job, CancellationToken.None), StringComparison.Ordinal);
            await ends.CancelAsync();
            await serving;
        }
        Assert.Equal("target down", Assert.Single(_alarms).Name);
        Assert.Contains(_house.Troubles.List(), t => t.StartsWith("scrape j ", StringComparison.Ordinal));
        await ReadAsync(target, job with { Timeout = TimeSpan.FromSeconds(20) }, "fine 1\n");
        Assert.DoesNotContain(_house.Troubles.List(), t => t.StartsWith("scrape j ", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("http://169.254.169.254/metrics")]
    [InlineData("http://[fe80::1]:9100/metrics")]
    [InlineData("http://[::ffff:169.254.169.254]/metrics")]
    public async Task An_address_of_the_link_or_a_metadata_service_is_refused(string address)
    {
        var wrong = await _scraper.ReadAsync(new ScrapeTarget(new Uri(address)), new ScrapeConfig("j", [], null), CancellationToken.None);
        Assert.Contains("not allowed", wrong, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_a_target_writes_wrongly_is_counted_with_its_place()
    {
        var (target, job) = Target(null);
        await ReadAsync(target, job, "good 1\nbad one\n");
        var refused = Assert.Single(_house.Store.Sources().Single(s => s.Source == "scrape j").Refused);
        Assert.Equal((Refusal.Unreadable, 1L), (refused.Why, refused.Points));
        Assert.Contains("line 2", refused.Example, StringComparison.Ordinal);
    }

    private (ScrapeTarget, ScrapeConfig) Target(string? profile)
    {
        var address = new Uri($"http://{_listener.LocalEndpoint}/metrics");
        return (new ScrapeTarget(address), new ScrapeConfig("j", [address], profile) { Region = "us-east-1", Timeout = TimeSpan.FromSeconds(20) });
    }

    private async Task<string?> ReadAsync(ScrapeTarget target, ScrapeConfig job, string text)
    {
        var serving = AnswerAsync(text);
        var wrong = await _scraper.ReadAsync(target, job, CancellationToken.None);
        await serving;
        return wrong;
    }

    private async Task AnswerAsync(string text)
    {
        using var caller = await _listener.AcceptTcpClientAsync();
        var stream = caller.GetStream();
        _ = await stream.ReadAsync(new byte[4096]);
        await stream.WriteAsync(Encoding.UTF8.GetBytes($"HTTP/1.1 200 OK\r\nContent-Length: {Encoding.UTF8.GetByteCount(text)}\r\nConnection: close\r\n\r\n{text}"));
    }

    private async Task EndlessAsync(CancellationToken cancel)
    {
        using var caller = await _listener.AcceptTcpClientAsync(CancellationToken.None);
        var stream = caller.GetStream();
        try
        {
            await stream.WriteAsync("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"u8.ToArray(), cancel);
            while (true)
            {
                await stream.WriteAsync("endless 1\n"u8.ToArray(), cancel);
                await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System, cancel);
            }
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            // The reader has left.
        }
    }
}
