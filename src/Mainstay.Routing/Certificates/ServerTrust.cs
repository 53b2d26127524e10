using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace Mainstay.Routing.Certificates;

/// <summary>
/// What the servers of one service must prove over TLS, and what this side shows them. Immutable: files that change make
/// another, and a connection belongs to the one with which it was opened.
/// </summary>
internal sealed class ServerTrust
{
    private readonly X509Certificate2Collection? _authorities;
    private readonly SslStreamCertificateContext? _own;
    private readonly string? _name;

    /// <param name="authorities">Who may have signed the servers' certificates; null: whom this machine trusts.</param>
    /// <param name="own">The client certificate; null: none.</param>
    /// <param name="name">The name that certificates must have; null: the host of the server's url.</param>
    public ServerTrust(X509Certificate2Collection? authorities, SslStreamCertificateContext? own, string? name) =>
        (_authorities, _own, _name) = (authorities, own, name);

    /// <summary>Servers are judged by whom this machine trusts, and shown nothing.</summary>
    public static ServerTrust OfMachine { get; } = new(null, null, null);

    /// <summary>The client certificate; null if none is shown.</summary>
    public X509Certificate2? Own => _own?.TargetCertificate;

    /// <summary>Why no connection can be opened: a file that cannot be read; null if nothing stands against it.</summary>
    public string? Refusal { get; init; }

    /// <summary>Settings of one handshake. The reason of a refusal is told to <paramref name="refused"/>.</summary>
    public SslClientAuthenticationOptions OptionsFor(Server server, bool isHttp2, DateTimeOffset now, Action<string> refused)
    {
        var name = _name ?? server.Url.DnsSafeHost;
        var policy = new X509ChainPolicy
        {
            TrustMode = _authorities is null ? X509ChainTrustMode.System : X509ChainTrustMode.CustomRootTrust,
            // Neither may make a connection wait for a third party.
            RevocationMode = X509RevocationMode.NoCheck,
            DisableCertificateDownloads = true,
            VerificationTime = now.UtcDateTime,
        };
        if (_authorities is not null)
            policy.CustomTrustStore.AddRange(_authorities);
        return new SslClientAuthenticationOptions
        {
            TargetHost = name,
            ClientCertificateContext = _own,
            CertificateChainPolicy = policy,
            ApplicationProtocols = isHttp2 ? [SslApplicationProtocol.Http2] : null,
            RemoteCertificateValidationCallback = (_, shown, chain, errors) =>
            {
                if (errors == SslPolicyErrors.None)
                    return true;
                refused(WhyNot(shown as X509Certificate2, chain, errors, name, now));
                return false;
            },
        };
    }

    private string WhyNot(X509Certificate2? shown, X509Chain? chain, SslPolicyErrors errors, string name, DateTimeOffset now)
    {
        if (shown is null || errors.HasFlag(SslPolicyErrors.RemoteCertificateNotAvailable))
            return "it showed no certificate";
        if (now >= new DateTimeOffset(shown.NotAfter))
            return $"its certificate expired on {shown.NotAfter.ToUniversalTime():yyyy-MM-dd}";
        if (now < new DateTimeOffset(shown.NotBefore))
            return $"its certificate is good only from {shown.NotBefore.ToUniversalTime():yyyy-MM-dd}";
        if (errors.HasFlag(SslPolicyErrors.RemoteCertificateChainErrors))
        {
            var all = chain?.ChainStatus.Aggregate(X509ChainStatusFlags.NoError, (sum, status) => sum | status.Status) ?? X509ChainStatusFlags.NoError;
            if (all.HasFlag(X509ChainStatusFlags.NotTimeValid))
                return "its certificate is signed by an authority whose own certificate expired";
            if (!all.HasFlag(X509ChainStatusFlags.UntrustedRoot) && !all.HasFlag(X509ChainStatusFlags.PartialChain))
                return $"its certificate is not accepted: {all}";
            var issuer = chain is { ChainElements: [.., { Certificate: var last }] } ? last.Issuer : shown.Issuer;
            return _authorities is null
                ? $"its certificate is not trusted: untrusted root {issuer}; set services[].tls.ca to the certificate of that authority"
                : $"its certificate is not trusted: it comes from {issuer}, and not from an authority in services[].tls.ca";
        }
        return $"its certificate is for {NamesOf(shown)}, not {name}; set services[].tls.name to the name that it should have";
    }

    private static string NamesOf(X509Certificate2 shown)
    {
        var names = shown.Extensions.OfType<X509SubjectAlternativeNameExtension>()
            .SelectMany(e => e.EnumerateDnsNames().Concat(e.EnumerateIPAddresses().Select(a => a.ToString())))
            .Take(5)
            .ToList();
        return names.Count > 0 ? string.Join(", ", names) : shown.GetNameInfo(X509NameType.SimpleName, forIssuer: false);
    }
}
