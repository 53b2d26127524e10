using Mainstay.Api;
using Mainstay.Control;
using Mainstay.Control.Config;
using Mainstay.Control.Mitigation;
using Mainstay.Control.Signals;
using Mainstay.Routing;
using Mainstay.Tests.Dashboard;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Mainstay.Tests.Api;

/// <summary>The real control listener on a free port of loopback, with the sample snapshot and a loop that notes its orders.</summary>
internal sealed class ListenerFixture : IAsyncDisposable
{
    private readonly WebApplication _app;

    private ListenerFixture(WebApplication app, string state)
    {
        _app = app;
        State = state;
    }

    public string State { get; }

    public Uri Address => new(_app.Urls.Single());

    public string Token => TokenFile.ReadOrMake(State, out _)!;

    public Snapshot Snapshot { get; set; } = DashboardSamples.Snapshot;

    public List<Order> Orders { get; } = [];

    /// <summary>What the data plane says of a request.</summary>
    public Func<string, DecisionAnswer?> Explain { get; set; } = _ => null;

    public static async Task<ListenerFixture> StartAsync()
    {
        var state = Directory.CreateTempSubdirectory("mainstay-listener-").FullName;
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var app = builder.Build();
        var fixture = new ListenerFixture(app, state);
        var clock = new SampleClock(DashboardSamples.Now);
        var access = Access.TryOpen(state, new ControlConfig(), clock, out _)!;
        Directory.CreateDirectory(Path.Combine(state, "reviews"));
        await File.WriteAllTextAsync(Path.Combine(state, "reviews", "incident-40.md"), "# Incident 40\n");
        ControlListener.Map(app, () => fixture.Snapshot, fixture.OrderAsync, (id, _) => Task.FromResult(fixture.Explain(id)), access, Path.Combine(state, "reviews"), clock, fixture.TestAsync,
            series: new SeriesStore(state, 1000, new Troubles(), clock, NullLogger<SeriesStore>.Instance));
        await app.StartAsync();
        return fixture;
    }

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        Directory.Delete(State, recursive: true);
    }

    /// <summary>Channels that were tested, and by whom.</summary>
    public List<string> Tests { get; } = [];

    private Task<string> TestAsync(string channel, string who, CancellationToken cancel)
    {
        Tests.Add($"{channel} by {who}");
        return Task.FromResult(channel == "broken" ? "it is broken" : "");
    }

    private Task<OrderResult> OrderAsync(Order order, CancellationToken cancel)
    {
        Orders.Add(order);
        var waits = order is not ApproveOrder approve || Snapshot.Incidents.SelectMany(i => i.Remedies).Any(r => r.Id == approve.RemedyId && r.State is RemedyState.Proposed);
        return Task.FromResult(waits ? new OrderResult(true, "It is done.") : new OrderResult(false, "No such remedy waits for approval."));
    }
}
