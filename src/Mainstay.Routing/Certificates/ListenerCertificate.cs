using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace Mainstay.Routing.Certificates;

/// <summary>
/// The certificate that callers are shown, and whose certificates theirs must be. Files that change are taken over for new
/// handshakes; open connections stay. One thread looks; any number shake hands.
/// </summary>
public sealed class ListenerCertificate
{
    private static readonly TimeSpan HandshakeWithin = TimeSpan.FromSeconds(10);
    private readonly TimeProvider _clock;
    private volatile Loaded _current;

    private ListenerCertificate(Loaded loaded, TimeProvider clock) => (_current, _clock) = (loaded, clock);

    /// <summary>The certificate in force.</summary>
    public X509Certificate2 Current => _current.Own.TargetCertificate;

    /// <summary>Reads the files; null if they give no certificate, and then <paramref name="fault"/> says why.</summary>
    public static ListenerCertificate? TryOpen(ListenerTls spec, TimeProvider clock, out PemFault fault) =>
        TryLoad(spec, out fault) is { } loaded ? new ListenerCertificate(loaded, clock) : null;

    /// <summary>Puts TLS on a listener: 1.2 and 1.3, HTTP/2 and HTTP/1.1 by ALPN.</summary>
    public void Use(ListenOptions listen) => listen.UseHttps(new TlsHandshakeCallbackOptions
    {
        HandshakeTimeout = HandshakeWithin,
        OnConnection = _ => ValueTask.FromResult(Options()),
    });

    /// <summary>Reads the files again, and takes them over if they changed and are good.</summary>
    /// <param name="spec">The files, as the table in force names them.</param>
    /// <param name="now">Judges their dates.</param>
    /// <returns>What people should know; null if nothing.</returns>
    public string? Look(ListenerTls spec, DateTimeOffset now)
    {
        var loaded = TryLoad(spec, out var fault, _current);
        if (loaded is null)
            return $"{fault}; the certificate before stays in force";
        _current = loaded;
        return PemFile.JudgeDates(spec.Certificate, Current, now) is { Wrong: not null } expired
            ? expired.ToString()
            : PemFile.Warning(spec.Certificate, Current, now);
    }

    private SslServerAuthenticationOptions Options()
    {
        var loaded = _current;
        var options = new SslServerAuthenticationOptions
        {
            ServerCertificateContext = loaded.Own,
            ApplicationProtocols = [SslApplicationProtocol.Http2, SslApplicationProtocol.Http11],
            EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
            AllowRenegotiation = false,
            CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
        };
        if (loaded.Clients is not { } authorities)
            return options;
        options.ClientCertificateRequired = true;
        options.CertificateChainPolicy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
            DisableCertificateDownloads = true,
            VerificationTime = _clock.GetUtcNow().UtcDateTime,
        };
        options.CertificateChainPolicy.CustomTrustStore.AddRange(authorities);
        return options;
    }

    /// <param name="spec">The files.</param>
    /// <param name="fault">What is wrong, if the result is null.</param>
    /// <param name="before">Given back if nothing changed since.</param>
    private static Loaded? TryLoad(ListenerTls spec, out PemFault fault, Loaded? before = null)
    {
        if (PemFile.TryRead(spec.Certificate, out fault) is not { } certificate
            || PemFile.TryRead(spec.Key, out fault) is not { } key)
            return null;
        string? clientCa = null;
        if (spec.ClientCa is not null && (clientCa = PemFile.TryRead(spec.ClientCa, out fault)) is null)
            return null;
        if (before is not null && (certificate, key, clientCa) == before.Texts)
            return before;
        if (PemFile.TryPair((spec.Certificate, certificate), (spec.Key, key), out fault) is not { } own)
            return null;
        X509Certificate2Collection? clients = null;
        if (clientCa is not null && (clients = PemFile.TryCertificates((spec.ClientCa!, clientCa), out fault)) is null)
            return null;
        return new Loaded(own, clients, (certificate, key, clientCa));
    }

    private sealed record Loaded(
        SslStreamCertificateContext Own, X509Certificate2Collection? Clients, (string Certificate, string Key, string? ClientCa) Texts);
}
