using System.Globalization;
using Mainstay.Api;
using Mainstay.Control.Config;
using Mainstay.Dashboard;

namespace Mainstay.Tests.Dashboard;

public sealed class PageCacheTests
{
    private readonly PageCache _cache = new();
    private int _rendered;

    [Fact]
    public async Task Readers_of_one_second_share_one_rendering_also_while_it_is_under_way()
    {
        var slow = new TaskCompletionSource<string>();
        var readers = Enumerable.Range(0, 100).Select(_ => _cache.GetAsync(DashboardSamples.Snapshot, Reader("/status"), () =>
        {
            _rendered++;
            return slow.Task;
        })).ToList();
        slow.SetResult("page");

        Assert.All(await Task.WhenAll(readers).Patiently(), page => Assert.Equal("page", page));
        Assert.Equal(1, _rendered);
    }

    [Fact]
    public async Task Another_path_person_snapshot_or_second_is_another_page()
    {
        await AskAsync(Reader("/"));
        await AskAsync(Reader("/status"));
        await AskAsync(Reader("/") with { Who = new Caller("operator", TokenScope.Operate) });
        await AskAsync(Reader("/") with { Now = DashboardSamples.Now.AddSeconds(1) });
        await _cache.GetAsync(DashboardSamples.Calm, Reader("/"), RenderAsync);
        Assert.Equal(5, _rendered);
    }

    [Fact]
    public async Task A_failure_is_not_kept()
    {
        await Assert.ThrowsAsync<InvalidOperationException>(() => _cache.GetAsync(
            DashboardSamples.Snapshot, Reader("/"), () => Task.FromException<string>(new InvalidOperationException())));
        Assert.Equal("1", await AskAsync(Reader("/")));
    }

    [Fact]
    public async Task It_holds_a_bounded_number_of_pages_and_still_serves_the_others()
    {
        for (var i = 0; i <= PageCache.MostPages; i++)
            await AskAsync(Reader($"/incidents/{i}"));
        await AskAsync(Reader("/incidents/0"));
        Assert.Equal(PageCache.MostPages + 1, _rendered);
        await AskAsync(Reader($"/incidents/{PageCache.MostPages}"));
        Assert.Equal(PageCache.MostPages + 2, _rendered);
    }

    private static Visit Reader(string path) => new(DashboardSamples.Now, null, path);

    private Task<string> AskAsync(Visit visit) => _cache.GetAsync(DashboardSamples.Snapshot, visit, RenderAsync);

    private Task<string> RenderAsync() => Task.FromResult((++_rendered).ToString(CultureInfo.InvariantCulture));
}
