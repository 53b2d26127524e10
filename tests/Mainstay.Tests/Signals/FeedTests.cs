using System.Collections.Immutable;
using Mainstay.Control;
using Mainstay.Control.Alerts;
using Mainstay.Control.Config;
using Mainstay.Control.Signals;

namespace Mainstay.Tests.Signals;

public sealed class FeedTests : IDisposable
{
    private readonly List<RaisedAlert> _raised = [];
    private readonly Troubles _troubles = new();
    private readonly ManualTime _clock = new();
    private readonly FeedWatch _watch;

    public FeedTests() => _watch = new FeedWatch(() => [], alerts => _raised.AddRange(alerts), _troubles, _clock);

    public void Dispose() => _watch.Dispose();

    [Fact]
    public void A_status_page_tells_of_incidents_that_are_not_over()
    {
        Assert.Null(Take(FeedKind.Statuspage, """
            {"page":{"name":"P"},"incidents":[
             {"id":"a1","name":"Elevated errors","status":"investigating","impact":"major","created_at":"2025-12-31T23:50:00Z","components":[{"name":"API"}]},
             {"id":"a2","name":"Old","status":"resolved","impact":"major"},
             {"id":"a3","name":"Note","status":"investigating","impact":"none"}]}
            """));
        var alert = Assert.Single(_raised);
        Assert.Equal(("feed p", "provider", "a1", Severity.Warning), (alert.Source, alert.Name, alert.Labels["event"], alert.Severity));
        Assert.Equal("p says: Elevated errors (major: API, investigating)", alert.Summary);
        Assert.Equal(_clock.GetUtcNow().AddMinutes(-10), alert.Since);
    }

    [Theory]
    [InlineData("""{"events":[{"arn":"e1","service":"BEDROCK","eventTypeCode":"AWS_BEDROCK_OPERATIONAL_ISSUE","eventTypeCategory":"issue","region":"us-east-1","startTime":1767225000.5,"statusCode":"open"}]}""", true)]
    [InlineData("""{"detail-type":"AWS Health Event","detail":{"eventArn":"e1","service":"BEDROCK","eventTypeCode":"X","eventTypeCategory":"issue","eventRegion":"us-east-1","startTime":"Wed, 31 Dec 2025 23:50:00 GMT","statusCode":"open","eventDescription":[{"language":"en_US","latestDescription":"Errors."}]}}""", true)]
    [InlineData("""{"detail":{"eventArn":"e1","service":"BEDROCK","eventTypeCode":"X","eventTypeCategory":"issue","eventRegion":"us-east-1","statusCode":"closed"}}""", false)]
    [InlineData("""{"detail":{"eventArn":"e1","service":"EC2","eventTypeCode":"X","eventTypeCategory":"scheduledChange","eventRegion":"us-east-1","statusCode":"upcoming"}}""", false)]
    public void Events_of_AWS_Health_are_evidence_for_their_region_until_they_are_closed(string text, bool isOpen)
    {
        Assert.Null(Take(FeedKind.Aws, text));
        var alert = Assert.Single(_raised);
        Assert.Equal(("us-east-1", "e1", isOpen), (alert.Region, alert.Labels["event"], alert.Until > _clock.GetUtcNow()));
    }

    [Fact]
    public void An_Atom_feed_tells_of_entries_that_are_new_and_not_over()
    {
        Assert.Null(_watch.Take(new FeedConfig("p", FeedKind.Atom) { Url = new Uri("http://p.test/") }, """
            <feed xmlns="http://www.w3.org/2005/Atom">
             <entry><id>1</id><title>Errors</title><updated>2025-12-31T22:00:00Z</updated><content type="html">&lt;strong&gt;Investigating&lt;/strong&gt; - now</content></entry>
             <entry><id>2</id><title>Done</title><updated>2025-12-31T22:00:00Z</updated><content type="html">&lt;strong&gt;Resolved&lt;/strong&gt; &lt;strong&gt;Investigating&lt;/strong&gt;</content></entry>
             <entry><id>3</id><title>Forgotten</title><updated>2025-12-01T22:00:00Z</updated></entry>
            </feed>
            """));
        Assert.Equal("1", Assert.Single(_raised).Labels["event"]);
    }

    [Theory]
    [InlineData(FeedKind.Statuspage, "{}")]
    [InlineData(FeedKind.Statuspage, "<html>")]
    [InlineData(FeedKind.Aws, "[")]
    [InlineData(FeedKind.Aws, "7")]
    [InlineData(FeedKind.Atom, "<rss/>")]
    [InlineData(FeedKind.Atom, "<!DOCTYPE a [<!ENTITY b \"c\">]><feed xmlns=\"http://www.w3.org/2005/Atom\"><entry><title>&b;</title></entry></feed>")]
    public void What_is_no_feed_is_told_with_the_cure(FeedKind kind, string text)
    {
        Assert.NotNull(Take(kind, text));
        Assert.Empty(_raised);
        Assert.Contains("kind", Assert.Single(_troubles.List()), StringComparison.Ordinal);
    }

    private string? Take(FeedKind kind, string text) =>
        _watch.Take(new FeedConfig("p", kind) { Url = kind == FeedKind.Aws ? null : new Uri("http://p.test/") }, text);
}
