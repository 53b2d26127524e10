namespace Mainstay.Browser;

/// <summary>How each page looks and behaves for different people, while an incident is open.</summary>
public sealed class PageTests(StandingHouse house) : IClassFixture<StandingHouse>
{
    private static readonly string[] Pages = ["/", "/incidents/1", "/alerts", "/status", "/login", "/nowhere"];

    [BrowserFact]
    public void Nobody_is_shut_out_in_light_dark_or_on_a_narrow_screen()
    {
        using var window = new Window(house.Site);
        foreach (var page in Pages)
        {
            foreach (var (scheme, width) in ((string, int)[])[("light", 1280), ("dark", 1280), ("dark", 360)])
            {
                window.Prefer(scheme);
                window.Resize(width);
                window.Open(page);
                Assert.Equal([], window.AccessibilityViolations().Select(v => $"{page} {scheme} {width}: {v}"));
            }
        }
    }

    [BrowserFact]
    public void Dark_is_dark_and_light_is_light()
    {
        using var window = new Window(house.Site);
        foreach (var page in Pages)
        {
            window.Open(page);
            window.Prefer("light");
            Assert.True(Ground(window) > 600, $"{page} is light");
            window.Prefer("dark");
            Assert.True(Ground(window) < 150, $"{page} is dark");
        }
    }

    [BrowserFact]
    public void Nothing_sticks_out_of_a_narrow_screen()
    {
        using var window = new Window(house.Site);
        window.Resize(360);
        foreach (var page in Pages)
        {
            window.Open(page);
            var width = window.Evaluate<int>("document.documentElement.scrollWidth");
            Assert.True(width <= 360, $"{page} is {width} px wide");
        }
    }

    [BrowserFact]
    public void Without_script_every_page_can_be_read()
    {
        using var window = new Window(house.Site);
        window.OpenWithoutScript("/");
        Assert.Contains("1 incident open", window.Text, StringComparison.Ordinal);
        Assert.Equal(2, window.Texts("tr.region").Count);
        Assert.False(window.Element("#live").Displayed, "controls that need the script are hidden");
        window.OpenWithoutScript("/incidents/1");
        Assert.Equal(4, window.Texts(".stepper li").Count);
        Assert.NotEmpty(window.Texts(".timeline li"));
        window.OpenWithoutScript("/status");
        Assert.Contains("moderation", window.Text, StringComparison.Ordinal);
    }

    [BrowserFact]
    public void The_browser_complains_of_nothing()
    {
        using var window = new Window(house.Site);
        foreach (var page in Pages[..^1])
        {
            window.Open(page);
            if (page is not "/login")
                window.Until(w => w.TextOf("#live-word").Length > 0 && w.Element("#live").Displayed, $"the script of {page} runs");
            Assert.Equal([], window.Complaints().Select(c => $"{page}: {c}"));
        }
    }

    [BrowserFact]
    public void The_status_page_says_it_in_plain_words()
    {
        using var window = new Window(house.Site);
        window.Open("/status");
        var all = window.Evaluate<string>("document.documentElement.outerHTML");
        foreach (var secret in (string[])["us-east", "us-west", "127.0.0.1", "drain", "remed", "breaker", "/incidents", "connection"])
            Assert.DoesNotContain(secret, all, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("Requests are not affected", window.Text, StringComparison.Ordinal);
    }

    [BrowserFact]
    public void A_paused_page_stands_still_and_goes_on()
    {
        using var window = new Window(house.Site);
        window.Open("/");
        window.Until(w => w.TextOf("#live-word") == "live", "the page is live");
        window.Click("#live-button");
        Assert.StartsWith("paused, shown as of", window.TextOf("#live-word"), StringComparison.Ordinal);
        Assert.EndsWith("UTC", window.TextOf("#live-word"), StringComparison.Ordinal);
        var shown = window.AsOf;
        window.Click("#live-button");
        window.Until(w => w.AsOf != shown, "it goes on");
    }

    private static int Ground(Window window) =>
        window.Evaluate<string>("getComputedStyle(document.body).backgroundColor").Split('(', ',', ')')[1..4].Sum(int.Parse);
}
