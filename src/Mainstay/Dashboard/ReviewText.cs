using Markdig;
using Markdig.Renderers.Html;
using Markdig.Syntax;
using Markdig.Syntax.Inlines;

namespace Mainstay.Dashboard;

/// <summary>The Markdown of a review as HTML that is safe to show: raw HTML becomes text, pictures become their description, and
/// links lead to http, https or within this site, nowhere else. Names of customers stand in it, and they can be anything.</summary>
internal static class ReviewText
{
    private static readonly MarkdownPipeline Pipeline = new MarkdownPipelineBuilder().UsePipeTables().DisableHtml().Build();

    public static string ToHtml(string markdown)
    {
        var document = Markdown.Parse(markdown, Pipeline);
        foreach (var heading in document.Descendants<HeadingBlock>())
            heading.Level = Math.Min(6, heading.Level + 1);
        foreach (var link in document.Descendants<LinkInline>())
        {
            link.IsImage = false;
            link.GetDynamicUrl = null;
            link.Url = IsSafe(link.Url) ? link.Url : "";
            link.GetAttributes().AddProperty("rel", "noreferrer nofollow");
        }
        foreach (var link in document.Descendants<AutolinkInline>().Where(l => !l.IsEmail && !IsSafe(l.Url)))
            link.Url = "";
        return document.ToHtml(Pipeline);
    }

    private static bool IsSafe(string? url) =>
        url is ['#', ..] || (url is ['/', ..] and not ['/', '/' or '\\', ..])
        || (Uri.TryCreate(url, UriKind.Absolute, out var absolute) && (absolute.Scheme is "http" or "https"));
}
