using Mainstay.Api;
using Mainstay.Control;

namespace Mainstay.Dashboard;

/// <summary>
/// Renders a page once for all who look at it in the same second of the same snapshot: in an incident many do, and judgement
/// must not wait for them. Who is signed in is part of the key, so nobody is shown another's page.
/// </summary>
internal sealed class PageCache
{
    /// <summary>Beyond this many pages in one second each further one is rendered for its reader alone.</summary>
    internal const int MostPages = 64;

    private readonly Lock _gate = new();
    private readonly Dictionary<(string Self, Caller? Who), Lazy<Task<string>>> _pages = [];
    private Snapshot? _of;
    private long _second;

    /// <summary>The page as HTML. Whoever asks first renders it, the others await the same text; a failure is not kept.</summary>
    /// <param name="now">What the page shows.</param>
    /// <param name="visit">Whose page, which, when.</param>
    /// <param name="render">Makes it.</param>
    public async Task<string> GetAsync(Snapshot now, Visit visit, Func<Task<string>> render)
    {
        var page = Find(now, visit, render);
        if (page is null)
            return await render();
        try
        {
            return await page.Value;
        }
        catch
        {
            lock (_gate)
            {
                if (_pages.TryGetValue((visit.Self, visit.Who), out var kept) && kept == page)
                    _pages.Remove((visit.Self, visit.Who));
            }
            throw;
        }
    }

    private Lazy<Task<string>>? Find(Snapshot now, Visit visit, Func<Task<string>> render)
    {
        lock (_gate)
        {
            // A page says how long ago things were, so it is old after a second also where the snapshot stands still.
            var second = visit.Now.ToUnixTimeSeconds();
            if (!ReferenceEquals(_of, now) || _second != second)
            {
                (_of, _second) = (now, second);
                _pages.Clear();
            }
            if (_pages.TryGetValue((visit.Self, visit.Who), out var page))
                return page;
            if (_pages.Count >= MostPages)
                return null;
            return _pages[(visit.Self, visit.Who)] = new Lazy<Task<string>>(() => Task.Run(render));
        }
    }
}
