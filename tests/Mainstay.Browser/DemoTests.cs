namespace Mainstay.Browser;

/// <summary>The demo as a person watches it: a region dies, the dashboard shows it, the incident runs its course.</summary>
public sealed class DemoTests
{
    private static readonly TimeSpan Renewal = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Stage = TimeSpan.FromSeconds(60);

    [BrowserFact]
    public async Task A_person_watches_a_region_die_and_come_back()
    {
        var folder = Directory.CreateTempSubdirectory("mainstay-browser-demo-").FullName;
        var site = new Uri($"http://127.0.0.1:{MainstayProcess.FreePort()}");
        using var window = new Window(site);
        try
        {
            await using (var demo = MainstayProcess.Start(
                "demo", "--duration", "60s", "--rate", "50", "--fault", "kill", "--json", "--folder", folder,
                "--listen", $"http://127.0.0.1:{MainstayProcess.FreePort()}", "--control", site.GetLeftPart(UriPartial.Authority)))
            {
                await demo.UntilAnswersAsync(new Uri(site, "/health"), Stage);
                SeeTrafficRenewItself(window);
                SeeTheIncident(window);
                SeeTheStatusPage(window);
                SeeItResolved(window);
                Assert.Equal(0, await demo.UntilEndedAsync(Stage));
            }
            await LookBackAsync(window, site, folder);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void SeeTrafficRenewItself(Window window)
    {
        window.Open("/");
        window.Until(w => w.Texts("tr.region").Count == 4 && w.Texts("tr.server").Count == 8, "four regions and eight servers are shown");
        foreach (var region in (string[])["us-east-1", "us-east-2", "us-west-2", "us-west-1"])
            Assert.Contains(window.Texts("tr.region th"), t => t == region);
        window.Until(w => w.TextOf("#live-word") == "live", "the page is live");

        // The mark would not survive a reload.
        window.Evaluate<bool>("(window.notReloaded = true)");
        var (before, path) = (window.AsOf, window.Evaluate<string>("document.querySelector('path.line.rate').getAttribute('d')"));
        window.Until(w => w.AsOf != before
            && w.Evaluate<string>("document.querySelector('path.line.rate').getAttribute('d')") != path, "time and chart change", Renewal);
        Assert.True(window.Evaluate<bool>("window.notReloaded === true"));
    }

    private static void SeeTheIncident(Window window)
    {
        window.Until(w => w.Texts(".alarm").Any(t => t.Contains("us-east-1", StringComparison.Ordinal)), "the incident appears", Stage);
        Assert.True(window.Evaluate<bool>("window.notReloaded === true"), "the incident appeared without a reload");
        window.Click(".alarm h2 a");
        window.Until(w => w.Place == "/incidents/1", "its page opens");
        Assert.Equal(["Detection", "Investigation", "Mitigation", "Recovery"], window.Texts(".stepper .step-name"));
        window.Until(w => w.Texts(".causes li h3").Count > 0, "a cause is named");
        window.Until(w => w.Text.Contains("Drain us-east-1 of moderation", StringComparison.Ordinal), "the remedy is shown");
        window.Until(w => w.Texts(".timeline li").Count >= 5, "the timeline grows");
        Assert.Empty(window.Complaints());
    }

    private static void SeeTheStatusPage(Window window)
    {
        window.Open("/status");
        Assert.Contains("moderation", window.Text, StringComparison.Ordinal);
        Assert.Contains("We noticed it after", window.Text, StringComparison.Ordinal);
        foreach (var secret in (string[])["us-east", "us-west", "127.0.0.1", "drain", "customer-", "remed", "/incidents"])
            Assert.DoesNotContain(secret, window.Evaluate<string>("document.documentElement.outerHTML"), StringComparison.OrdinalIgnoreCase);
        Assert.Empty(window.Complaints());
    }

    private static void SeeItResolved(Window window)
    {
        window.Open("/incidents/1");
        window.Until(w => w.TextOf("main .headline").Contains("Resolved", StringComparison.Ordinal), "the incident is resolved", Stage);
        Assert.Equal(4, window.Texts(".stepper .done").Count);
        Assert.NotEmpty(window.Texts("a[href='/incidents/1/review']"));
        Assert.Empty(window.Complaints());
    }

    /// <summary>The demo is over: whoever opens its state later still finds incident and review, and that no server is there.</summary>
    private static async Task LookBackAsync(Window window, Uri site, string folder)
    {
        await using var serve = MainstayProcess.Start("serve", "-c", Path.Combine(folder, "mainstay.yaml"));
        await serve.UntilAnswersAsync(new Uri(site, "/health"), Stage);
        window.Open("/incidents/1");
        window.Complaints();
        window.Click("a[href='/incidents/1/review']");
        window.Until(w => w.Place == "/incidents/1/review", "the review opens");
        Assert.Contains("What would have prevented it", window.Text, StringComparison.Ordinal);
        Assert.Contains("Timeline (UTC)", window.Text, StringComparison.Ordinal);
        Assert.Empty(window.Complaints());
        Assert.Empty(window.AccessibilityViolations());

        window.Open("/status");
        Assert.Contains("Resolved", window.Text, StringComparison.Ordinal);
        window.Until(w =>
        {
            w.Open("/status");
            return w.TextOf("h1") == "A service is down";
        }, "the status page says that the service is down");
        // Four regions are gone, which is one trouble to a caller.
        window.Until(w =>
        {
            w.Open("/status");
            return w.Texts(".public-incident h3") is ["moderation does not answer."];
        }, "the status page says it once, and not that requests are well");
        Assert.Empty(window.AccessibilityViolations());
        window.Open("/");
        Assert.Empty(window.AccessibilityViolations());
    }
}
