using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Web;
using Microsoft.Extensions.Logging.Abstractions;

namespace Mainstay.Dashboard;

/// <summary>A Razor component as HTML text. Pages take all they show as parameters, so nothing has to be registered anywhere.</summary>
internal static class PageText
{
    private static readonly ServiceProvider Nothing = new ServiceCollection().BuildServiceProvider();

    public static async Task<string> RenderAsync<TPage>(IDictionary<string, object?> parameters) where TPage : IComponent
    {
        await using var renderer = new HtmlRenderer(Nothing, NullLoggerFactory.Instance);
        return await renderer.Dispatcher.InvokeAsync(async () =>
        {
            var page = await renderer.RenderComponentAsync<TPage>(ParameterView.FromDictionary(parameters));
            return page.ToHtmlString();
        });
    }
}
