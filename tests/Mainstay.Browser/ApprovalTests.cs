namespace Mainstay.Browser;

/// <summary>A person signs in, reads the proposal, and approves it.</summary>
public sealed class ApprovalTests(StandingHouse house) : IClassFixture<StandingHouse>
{
    [BrowserFact]
    public void A_proposed_remedy_is_approved_by_who_signed_in()
    {
        using var window = new Window(house.Site);
        window.Open("/incidents/1");
        window.Click(".remedy.asks a.button");
        window.Until(w => w.Place == "/login", "one is led to the sign-in");

        SignIn(window, "not the token");
        window.Until(w => w.Texts("[role=alert]").Any(t => t.Contains("not known", StringComparison.Ordinal)), "a wrong token is refused");
        Assert.Empty(window.AccessibilityViolations());

        SignIn(window, house.Token);
        window.Until(w => w.Place == "/incidents/1", "one is led back");
        window.Until(w => w.Texts(".remedy.asks button").Count == 1, "the form is there");
        Assert.Empty(window.AccessibilityViolations());

        // What is typed must survive the renewals of the page.
        window.Type(".remedy.asks input", "checked the west by hand");
        window.Until(w => w.TextOf("#live-word").StartsWith("waits while you type", StringComparison.Ordinal), "the page says that it is not fresh");
        Assert.Equal("checked the west by hand", window.Evaluate<string>("document.querySelector('.remedy.asks input').value"));
        window.Click(".remedy.asks button");
        window.Until(w => w.Text.Contains("In force", StringComparison.Ordinal), "the remedy is in force");
        window.Until(w => w.Texts(".timeline li").Any(t => t.Contains("checked the west by hand", StringComparison.Ordinal)), "the reason stands in the timeline");

        window.Open("/");
        window.Until(w => w.Texts("tr.region").Any(t => t.Contains("us-east-1", StringComparison.Ordinal) && t.Contains("Drained", StringComparison.Ordinal)), "the region is drained");
        window.Click("form.sign button");
        window.Until(w => w.Texts("a.sign").Count == 1, "one is signed out");
    }

    private static void SignIn(Window window, string token)
    {
        window.Type("input[name=token]", token);
        window.Click("form[action='/login'] button");
    }
}
