using System.Globalization;
using System.Text;

namespace Mainstay.Demo;

/// <summary>Writes the mainstay.yaml that the demo runs by: an ordinary file, to be read and changed by whoever is curious.</summary>
internal static class DemoConfig
{
    public static readonly string[] Regions = ["us-east-1", "us-east-2", "us-west-2", "us-west-1"];

    /// <param name="servers">Address and region of each server.</param>
    public static string Write(string folder, Uri listen, Uri control, IEnumerable<(Uri Url, string Region)> servers)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $$"""
            version: 1
            traffic: { listen: "{{Address(listen)}}" }
            control: { listen: "{{Address(control)}}" }
            state: ./state
            remedies: act                # the demo has nobody to approve; the default is propose

            services:
              - name: moderation
                match: { path: /moderation, strip: true }
                servers:

            """);
        foreach (var (url, region) in servers)
            text.Append(CultureInfo.InvariantCulture, $"      - {{ url: \"{Address(url)}\", region: {region}, capacity: 400/s }}\n");
        text.Append(CultureInfo.InvariantCulture, $$"""
                regions: [{{string.Join(", ", Regions)}}]
                health: { path: /health, every: 1s, timeout: 500ms }
                timeouts: { connect: 500ms, first_byte: 1s, idle: 5s, total: 10s }
                retry: { attempts: 3, budget: 20%, replay: safe }   # asking a classifier twice does no harm
                customer: { header: X-Customer }
                slo: { availability: 99.9%, window: 30d }

            """);
        var file = Path.Combine(folder, "mainstay.yaml");
        File.WriteAllText(file, text.ToString());
        return file;
    }

    private static string Address(Uri url) => url.GetLeftPart(UriPartial.Authority);
}
