using System.Collections.Immutable;
using System.Net;

namespace Mainstay.Control.Config;

/// <summary>Reads the addresses of a section. Null: not written, or wrong and reported.</summary>
internal static class Addresses
{
    /// <summary>Where something outside is reached: http or https, absolute.</summary>
    public static Uri? Web(Section section, string name, bool mayHaveQuery = false)
    {
        if (section.Text(name) is not { } text)
            return null;
        if (!Uri.TryCreate(text, UriKind.Absolute, out var url) || url.Scheme is not ("http" or "https") || url.Host.Length == 0)
        {
            var cure = !text.Contains("://", StringComparison.Ordinal) && Uri.TryCreate("http://" + text, UriKind.Absolute, out _)
                ? $"did you mean http://{Findings.Shown(text)}?"
                : "write an address such as http://10.0.1.10:9000";
            section.Error(name, $"{Findings.Quote(text)} is not an http or https address", cure);
            return null;
        }
        if (url.UserInfo.Length > 0)
            section.Error(name, "a user or password stands in the address", "take it out: it would not be sent");
        else if (url.Port == 0)
            section.Error(name, "port 0 cannot be reached", "write the port on which it listens");
        else if (url.Fragment.Length > 0 || (url.Query.Length > 0 && !mayHaveQuery))
            section.Error(name, $"{Findings.Quote(text)} has a query or fragment", "end it with the path");
        else
            return url;
        return null;
    }

    /// <summary>The same, or the name of a variable that holds it, after a dollar sign.</summary>
    public static WebAddress? SecretWeb(Section section, string name)
    {
        if (section.Text(name) is not ['$', .. var variable])
            return Web(section, name, mayHaveQuery: true) is { } url ? new WebAddress(url, null) : null;
        if (IsVariable(variable))
            return new WebAddress(null, variable);
        section.Error(name, "not the name of an environment variable after the $", "write a name such as $SLACK_URL, and put the address into that variable");
        return null;
    }

    /// <summary>The name of an environment variable. The secret itself may stand there by mistake: it is not repeated.</summary>
    public static string? Variable(Section section, string key, string such)
    {
        var name = section.Text(key);
        if (name is not null && !IsVariable(name))
            section.Error(key, "not the name of an environment variable", $"write a name such as {such}, and put the secret into that variable");
        return name;
    }

    private static bool IsVariable(string name) =>
        name.Length > 0 && name.All(c => char.IsAsciiLetterOrDigit(c) || c == '_') && !char.IsAsciiDigit(name[0]);

    /// <summary>Where Mainstay listens: http, or https where that may be, an address of this machine, a port.</summary>
    public static Uri? Listener(Section section, string name, bool mayBeSecured = false)
    {
        if (section.Text(name) is not { } text)
            return null;
        var isUrl = Uri.TryCreate(text, UriKind.Absolute, out var url);
        var isSecured = isUrl && url!.Scheme == "https";
        if (isSecured && !mayBeSecured)
            section.Error(name, "this listener has no TLS of its own", "write http, and let a TLS proxy stand before it");
        else if (!isUrl || (url!.Scheme != "http" && !isSecured) || url.PathAndQuery != "/" || url.UserInfo.Length > 0 || url.Fragment.Length > 0)
        {
            section.Error(
                name, $"{Findings.Quote(text)} is not an address to listen on",
                "write http://127.0.0.1:8400 with your port, or http://0.0.0.0:8400 to listen everywhere");
        }
        else if (url.Host != "localhost" && url.HostNameType is not (UriHostNameType.IPv4 or UriHostNameType.IPv6))
        {
            section.Error(
                name, $"{Findings.Shown(url.Host)} is a name, and only addresses can be listened on",
                "write an IP address of this machine, 0.0.0.0 for all of them");
        }
        else
            return url;
        return null;
    }

    /// <summary>True if only this machine can reach the listener.</summary>
    public static bool IsLoopback(Uri listen) =>
        listen.Host == "localhost" || (IPAddress.TryParse(listen.Host.Trim('[', ']'), out var address) && IPAddress.IsLoopback(address));

    /// <summary>A host name or IP address, without port, in lower case.</summary>
    public static string? Host(Section section, string name)
    {
        if (section.Text(name) is not { } text)
            return null;
        if (IsHost(text))
            return text.ToLowerInvariant();
        section.Error(name, $"{Findings.Quote(text)} is not a host name", HostCure);
        return null;
    }

    /// <summary>A list of host names.</summary>
    public static ImmutableArray<string> Hosts(Section section, string name)
    {
        var hosts = ImmutableArray.CreateBuilder<string>();
        foreach (var host in section.Texts(name))
        {
            if (IsHost(host.Text))
                hosts.Add(host.Text.ToLowerInvariant());
            else
                section.Report(host.Line, host.Key, $"{Findings.Quote(host.Text)} is not a host name", HostCure);
        }
        return hosts.ToImmutable();
    }

    /// <summary>A path from the root, as it stands in a request.</summary>
    public static string? PathFromRoot(Section section, string name, bool mayHaveQuery)
    {
        if (section.Text(name) is not { } text)
            return null;
        var mark = mayHaveQuery ? "#\\" : "#\\?";
        if (text[0] == '/' && text.All(c => c is > ' ' and < '\u007f' && !mark.Contains(c))
            && !text.StartsWith("//", StringComparison.Ordinal))
            return text;
        var cure = text[0] == '/'
            ? "write a path such as /moderation, special characters as %20"
            : $"did you mean /{Findings.Shown(text)}?";
        section.Error(name, $"{Findings.Quote(text)} is not a path", cure);
        return null;
    }

    private const string HostCure = "write a name such as api.example.test, without scheme and port";

    private static bool IsHost(string text) => text.Length <= 253 && Uri.CheckHostName(text) switch
    {
        UriHostNameType.Dns or UriHostNameType.IPv4 => true,
        // As it stands in a Host header.
        UriHostNameType.IPv6 => text.StartsWith('['),
        _ => false,
    };

    /// <summary>The name of a header field: a token of RFC 9110, section 5.6.2.</summary>
    public static string? HeaderName(Section section, string key)
    {
        if (section.Text(key) is not { } header)
            return null;
        if (!IsHeaderName(header))
            section.Error(key, $"{Findings.Quote(header)} is not a name of a header", "write a name such as X-Customer");
        return header;
    }

    public static bool IsHeaderName(string text) =>
        text.Length is > 0 and <= 100 && text.All(c => char.IsAsciiLetterOrDigit(c) || "!#$%&'*+-.^_`|~".Contains(c));
}
