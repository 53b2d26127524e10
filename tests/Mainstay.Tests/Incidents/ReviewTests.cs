using Mainstay.Control.Incidents;
using Mainstay.Control.Mitigation;

namespace Mainstay.Tests.Incidents;

public sealed class ReviewTests
{
    private const string Hostile = "x | y\n# owned <script>alert(1)</script> `code` [click](https://evil.example) ![p](https://evil.example/p.png) \\";

    [Fact]
    public void It_tells_when_why_who_and_what_would_have_prevented_it()
    {
        var text = Review.Draft(Resolved());
        Assert.Contains("# Incident 7: a: servers are gone (chat)", text, StringComparison.Ordinal);
        Assert.Contains("| Detected | 2026-01-01 00:00:02 | 2.0 s |", text, StringComparison.Ordinal);
        Assert.Contains("- **server or hardware failure** (90 %): servers are gone", text.Replace('\u00a0', ' '), StringComparison.Ordinal);
        Assert.Contains("Of 100 requests to chat, 3 failed and 4 were slow; 90 failed in a", text, StringComparison.Ordinal);
        Assert.Contains("| chat | acme | 3 | 4 |", text, StringComparison.Ordinal);
        Assert.Contains("- [ ] 3 requests failed", text, StringComparison.Ordinal);
        Assert.Contains("servers[].capacity", text, StringComparison.Ordinal);
        Assert.Contains("- 00:00:02.000 it was noticed", text, StringComparison.Ordinal);
        Assert.DoesNotContain("Customer", Review.Draft(Resolved() with { Impact = Impact.None }), StringComparison.Ordinal);
    }

    [Fact]
    public void Text_from_outside_stays_text()
    {
        var scene = new Scene();
        var incident = Resolved() with
        {
            Anomalies = [scene.Anomaly("a") with { Observed = Hostile, Expected = Hostile }],
            Causes = [new("unknown", Hostile, 0, [Hostile])],
            Impact = new(1, 1, 0, 0, [new("chat", Hostile, 1, 0)]),
            Timeline = [new(Scene.Start, Hostile)],
        };
        foreach (var draft in new[] { incident, incident with { Causes = [] } })
        {
            var text = Review.Draft(draft);
            Assert.DoesNotContain("<script", text, StringComparison.Ordinal);
            Assert.DoesNotContain("`code`", text, StringComparison.Ordinal);
            Assert.DoesNotContain("\n# owned", text, StringComparison.Ordinal);
            Assert.Single(text.Split('\n'), line => line.StartsWith("# ", StringComparison.Ordinal));
            var html = Mainstay.Dashboard.ReviewText.ToHtml(text);
            Assert.DoesNotContain("evil.example\"", html, StringComparison.Ordinal);
            Assert.DoesNotContain("<img", html, StringComparison.Ordinal);
            Assert.Equal(4, html.Split("<tr>\n<td>chat</td>")[1].Split("</tr>")[0].Split("<td").Length);
        }
    }

    private static Incident Resolved()
    {
        var scene = new Scene();
        return scene.Incident("a", scene.Anomaly("a")) with
        {
            Number = 7,
            Detected = Scene.Start.AddSeconds(2),
            CauseFound = Scene.Start.AddSeconds(3),
            Mitigated = Scene.Start.AddSeconds(4),
            Resolved = Scene.Start.AddSeconds(60),
            Causes = [new("server or hardware failure", "servers are gone", 0.9, ["all connections refused"])],
            Remedies =
            [
                new()
                {
                    Id = "7-1", Service = "chat", Region = "a", State = RemedyState.Removed, Since = Scene.Start,
                    Reason = "the capacity of 2 of them is unknown",
                },
            ],
            Impact = new(100, 3, 4, 90, [new("chat", "acme", 3, 4)]),
            Timeline = [new(Scene.Start.AddSeconds(2), "it was noticed")],
        };
    }
}
