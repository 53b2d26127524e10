using System.Collections.Immutable;

namespace Mainstay.Control.Config;

/// <summary>Reads whose metrics are read, and which providers are heard.</summary>
internal static class ScrapeReader
{
    private const int MostTargets = 1000;
    private const int MostFeeds = 100;

    public static SignalsConfig ReadBounds(Section? signals) => new(signals?.Whole("max_series") ?? new SignalsConfig().MostSeries);

    public static ImmutableArray<ScrapeConfig> Read(Section root)
    {
        var jobs = ImmutableArray.CreateBuilder<ScrapeConfig>();
        foreach (var section in root.Maps("scrape"))
        {
            section.Require("job", "targets");
            var job = section.Name("job") ?? "";
            if (jobs.Any(j => j.Job == job))
                section.Error("job", $"another job has the name {job}", "give each its own: series and messages say by it where they come from");
            if (section.IsEmptyList("targets"))
                section.Error("targets", "names no address", "write at least one, such as http://10.0.1.20:8000/metrics");
            var config = new ScrapeConfig(job, ReadTargets(section), section.Word("profile"));
            config = config with
            {
                Every = section.Duration("every") ?? config.Every,
                Timeout = section.Duration("timeout") ?? config.Timeout,
                Service = section.Name("service"),
                Region = section.Name("region"),
                TokenVariable = Addresses.Variable(section, "token_env", "SCRAPE_TOKEN"),
                MayReachLinkLocal = section.Flag("link_local") ?? false,
            };
            if (config.Timeout > config.Every && !section.Has("timeout"))
                config = config with { Timeout = config.Every };
            else if (config.Timeout > config.Every)
                section.Error("timeout", "longer than `every`: readings of one target would overlap", "write a shorter one, or a longer `every`");
            jobs.Add(config);
        }
        if (jobs.Sum(j => j.Targets.Length) > MostTargets)
            root.Error("scrape", $"{jobs.Sum(j => j.Targets.Length)} targets", $"write {MostTargets} at most");
        return jobs.ToImmutable();
    }

    public static ImmutableArray<FeedConfig> ReadFeeds(Section root)
    {
        var feeds = ImmutableArray.CreateBuilder<FeedConfig>();
        foreach (var section in root.Maps("feeds"))
        {
            section.Require("name", "kind");
            var name = section.Name("name") ?? "";
            if (feeds.Any(f => f.Name == name))
                section.Error("name", $"another feed has the name {name}", "give each its own: alerts say by it who said it");
            var feed = new FeedConfig(name, section.Choice<FeedKind>("kind") ?? default);
            feeds.Add(feed with
            {
                Url = Addresses.Web(section, "url", mayHaveQuery: true),
                Every = section.Duration("every") ?? feed.Every,
                Service = section.Name("service"),
                Region = section.Name("region"),
                MayReachLinkLocal = section.Flag("link_local") ?? false,
            });
        }
        if (feeds.Count > MostFeeds)
            root.Error("feeds", $"{feeds.Count} feeds", $"write {MostFeeds} at most");
        return feeds.ToImmutable();
    }

    private static ImmutableArray<Uri> ReadTargets(Section section)
    {
        var targets = ImmutableArray.CreateBuilder<Uri>();
        foreach (var text in section.Texts("targets"))
        {
            if (Uri.TryCreate(text.Text, UriKind.Absolute, out var url) && (url.Scheme is "http" or "https") && url.Host.Length > 0 && url.UserInfo.Length == 0 && url.Port != 0)
                targets.Add(url);
            else
                section.Report(text.Line, text.Key, $"{Findings.Quote(text.Text)} is not an http or https address", "write the whole address, such as http://10.0.1.20:8000/metrics");
        }
        return targets.ToImmutable();
    }
}
