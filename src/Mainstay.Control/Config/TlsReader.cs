using System.Collections.Immutable;
using Mainstay.Routing;
using Mainstay.Routing.Certificates;

namespace Mainstay.Control.Config;

/// <summary>Reads the certificates of a file, and whether they can be used. The files themselves are read again while Mainstay runs.</summary>
internal sealed class TlsReader(Findings findings, string folder, DateTimeOffset now)
{
    /// <summary>TLS of the listener of callers.</summary>
    public ListenerTls? OfListener(Section root, Section? traffic, Uri listen)
    {
        var isSecured = listen.Scheme == Uri.UriSchemeHttps;
        if (root.Map("tls") is not { } tls)
        {
            if (isSecured && !root.Has("tls"))
                traffic?.Error("listen", "https needs a certificate", "write `tls: { certificate: cert.pem, key: key.pem }` at the top of the file");
            return null;
        }
        tls.Require("certificate", "key");
        if (!isSecured)
            tls.Error($"callers connect to {listen.GetLeftPart(UriPartial.Authority)} without TLS", "write https:// in traffic.listen, or take tls out");
        var (certificate, key) = Pair(tls);
        var clientCa = Authorities(tls, "client_ca");
        return certificate is null || key is null ? null : new ListenerTls(certificate, key, clientCa);
    }

    /// <summary>TLS towards the servers of a service.</summary>
    public ServerTls? OfServers(Section? tls, ImmutableArray<Server> servers)
    {
        if (tls is null)
            return null;
        if (servers.Length > 0 && servers.All(s => s.Url.Scheme != Uri.UriSchemeHttps))
            tls.Error("no server of the service has an https url", "write https:// in their urls, or take tls out");
        if (!tls.Has("ca") && !tls.Has("certificate") && !tls.Has("key") && !tls.Has("name"))
            tls.Error("says nothing", "write ca, certificate and key, or name, or take tls out");
        foreach (var (one, other) in new[] { ("certificate", "key"), ("key", "certificate") })
            if (tls.Has(one) && !tls.Has(other))
                tls.Error(one, $"stands there without {other}", $"write `{other}:` as well (path of a PEM file)");
        var (certificate, key) = Pair(tls);
        return new ServerTls { Ca = Authorities(tls, "ca"), Certificate = certificate, Key = key, Name = Addresses.Host(tls, "name") };
    }

    private (string? Certificate, string? Key) Pair(Section tls)
    {
        var certificate = Read(tls, "certificate");
        var key = Read(tls, "key");
        if (certificate?.Text is not { } shown || key?.Text is not { } secret)
            return (null, null);
        var pair = PemFile.TryPair((certificate.Written, shown), (key.Written, secret), out var fault);
        if (pair is not null)
        {
            fault = PemFile.JudgeDates(certificate.Written, pair.TargetCertificate, now);
            if (fault.Wrong is null && PemFile.Warning(certificate.Written, pair.TargetCertificate, now) is { } soon)
                findings.Warn($"{ConfigKeys.Join(tls.Key, "certificate")} (line {tls.LineOf("certificate")}): {soon}.");
        }
        if (fault.Wrong is not null)
            tls.Error(fault.Path == certificate.Written ? "certificate" : "key", $"{fault.Path} {fault.Wrong}", fault.Cure);
        return (certificate.Path, key.Path);
    }

    private string? Authorities(Section tls, string name)
    {
        var file = Read(tls, name);
        if (file?.Text is { } text && PemFile.TryCertificates((file.Written, text), out var fault) is null)
            tls.Error(name, $"{fault.Path} {fault.Wrong}", fault.Cure);
        return file?.Path;
    }

    private PemText? Read(Section tls, string name)
    {
        if (tls.Text(name) is not { } written)
            return null;
        var path = Path.GetFullPath(Path.Combine(folder, written));
        written = Findings.Shown(written, longest: 200);
        var text = PemFile.TryRead(path, out var fault);
        if (text is null)
            tls.Error(name, $"{written} {fault.Wrong}", fault.Cure);
        return new PemText(written, path, text);
    }

    /// <summary>A file as it is written in the configuration, where it is, and what it holds; null if that cannot be read.</summary>
    private sealed record PemText(string Written, string Path, string? Text);
}
