using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Mainstay.Routing.Certificates;

/// <summary>Reads certificates and keys from PEM files (RFC 7468), and says what is wrong with them and what would help.</summary>
public static class PemFile
{
    /// <summary>How long before its end a certificate is a trouble.</summary>
    public static readonly TimeSpan ExpiresSoon = TimeSpan.FromDays(14);

    private const int MaxBytes = 1 << 20;

    /// <summary>The text of a file of up to 1 MiB; null if it cannot be read, and then <paramref name="fault"/> says why.</summary>
    public static string? TryRead(string path, out PemFault fault)
    {
        fault = default;
        try
        {
            if (Directory.Exists(path))
                return Refused(out fault, path, "is a folder, not a file", "name the file in it");
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            var bytes = new byte[8192];
            var length = 0;
            // Whatever length is claimed: a pipe claims none.
            while (file.Read(bytes, length, bytes.Length - length) is > 0 and var read)
            {
                length += read;
                if (length > MaxBytes)
                    return Refused(out fault, path, "is larger than 1 MiB", "name a file with certificates or a key in PEM");
                if (length == bytes.Length)
                    Array.Resize(ref bytes, 2 * length);
            }
            return Encoding.Latin1.GetString(bytes, 0, length);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return Refused(out fault, path, "does not exist", "check its name");
        }
        catch (UnauthorizedAccessException)
        {
            return Refused(out fault, path, "may not be read by this user", "change its mode or owner");
        }
        catch (Exception e) when (e is IOException or ArgumentException or NotSupportedException)
        {
            return Refused(out fault, path, "cannot be read", "check the path and the disk");
        }
    }

    /// <summary>
    /// A certificate with its key and the authorities between it and the root, ready to be shown to the other side; null if
    /// the two files do not give one, and then <paramref name="fault"/> says why. Its dates are not judged here.
    /// </summary>
    /// <param name="certificate">Path and text of the certificates, the own one first.</param>
    /// <param name="key">Path and text of the key.</param>
    /// <param name="fault">What is wrong.</param>
    public static SslStreamCertificateContext? TryPair((string Path, string Text) certificate, (string Path, string Text) key, out PemFault fault)
    {
        var chain = TryCertificates(certificate, out fault);
        if (chain is null)
            return null;
        if (key.Text.Contains("ENCRYPTED", StringComparison.Ordinal))
            Refused(out fault, key.Path, "holds a key that needs a password", "take the password off: openssl pkey -in KEY -out PLAIN, with mode 0600");
        else if (!key.Text.Contains("PRIVATE KEY-----", StringComparison.Ordinal))
            Refused(out fault, key.Path, "holds no private key in PEM", "name the file that begins with -----BEGIN PRIVATE KEY-----");
        else if (!IsKey(key.Text))
            Refused(out fault, key.Path, "holds a key that cannot be read", "write it anew as an RSA or ECDSA key in PEM; it may be cut");
        if (fault.Wrong is not null)
            return null;
        try
        {
            using var own = X509Certificate2.CreateFromPem(certificate.Text, key.Text);
            // A key that lives in memory alone is not taken by every platform.
            var kept = X509CertificateLoader.LoadPkcs12(own.Export(X509ContentType.Pkcs12), password: null);
            chain.RemoveAt(0);
            return SslStreamCertificateContext.Create(kept, chain, offline: true);
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            Refused(out fault, key.Path, $"is not the key of the certificate in {certificate.Path}", "name the two files that were made together");
            return null;
        }
    }

    /// <summary>All certificates of a file; null if there is none, and then <paramref name="fault"/> says why.</summary>
    public static X509Certificate2Collection? TryCertificates((string Path, string Text) file, out PemFault fault)
    {
        fault = default;
        var all = new X509Certificate2Collection();
        try
        {
            all.ImportFromPem(file.Text);
        }
        catch (CryptographicException)
        {
            Refused(out fault, file.Path, "holds a certificate that cannot be read", "write it anew; it may be cut");
            return null;
        }
        if (all.Count > 0)
            return all;
        Refused(out fault, file.Path, "holds no certificate in PEM", "name the file that begins with -----BEGIN CERTIFICATE-----");
        return null;
    }

    /// <summary>What is wrong with the dates of a certificate; nothing if it is good now.</summary>
    public static PemFault JudgeDates(string path, X509Certificate2 certificate, DateTimeOffset now)
    {
        if (now >= Ends(certificate))
            return new(path, $"holds a certificate that expired on {Ends(certificate):yyyy-MM-dd}", "renew it");
        if (now < new DateTimeOffset(certificate.NotBefore))
            return new(path, $"holds a certificate that is good only from {certificate.NotBefore.ToUniversalTime():yyyy-MM-dd}", "check this machine's clock, or name one that is good now");
        return default;
    }

    /// <summary>A sentence that says when a certificate expires, if that is soon; else null.</summary>
    public static string? Warning(string path, X509Certificate2 certificate, DateTimeOffset now) => Ends(certificate) - now < ExpiresSoon
        ? $"the certificate in {path} expires on {Ends(certificate):yyyy-MM-dd}; renew it before"
        : null;

    private static DateTimeOffset Ends(X509Certificate2 certificate) => new DateTimeOffset(certificate.NotAfter).ToUniversalTime();

    private static string? Refused(out PemFault fault, string path, string wrong, string cure)
    {
        fault = new PemFault(path, wrong, cure);
        return null;
    }

    private static bool IsKey(string text)
    {
        try
        {
            using var rsa = RSA.Create();
            rsa.ImportFromPem(text);
            return true;
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            // Not an RSA key.
        }
        try
        {
            using var curve = ECDsa.Create();
            curve.ImportFromPem(text);
            return true;
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            return false;
        }
    }
}

/// <summary>What is wrong with a PEM file, and what would help; the default value: nothing.</summary>
/// <param name="Path">The file.</param>
/// <param name="Wrong">Goes on after the path: "does not exist".</param>
/// <param name="Cure">What the operator can do.</param>
public readonly record struct PemFault(string Path, string Wrong, string Cure)
{
    public override string ToString() => $"{Path} {Wrong}; {Cure}";
}
