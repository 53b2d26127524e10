namespace Mainstay.Routing.Upstream;

/// <summary>
/// What a server's TLS alert says of this side's certificate (RFC 8446 section 6.2). In TLS 1.3 it comes when this side
/// has ended the handshake already, so it may show up in the first read; the server has read no request then.
/// </summary>
internal static class TlsAlert
{
    private const string Show = "set services[].tls.certificate and key";

    /// <summary>The reason in words; null if the exception is none of these alerts.</summary>
    public static string? Meaning(Exception exception)
    {
        // .NET passes on OpenSSL's words and nothing that a program could read.
        for (var e = exception; e is not null; e = e.InnerException)
        {
            if (Says(e, "alert certificate required"))
                return $"it demands a client certificate; {Show}";
            if (Says(e, "alert unknown ca") || Says(e, "alert bad certificate") || Says(e, "alert certificate unknown") || Says(e, "alert unsupported certificate"))
                return $"it does not accept this side's client certificate; {Show} to what it trusts";
            if (Says(e, "alert certificate expired"))
                return $"this side's client certificate expired; {Show} to one that is good now";
            if (Says(e, "alert handshake failure"))
                return $"it refused the TLS handshake; if it demands a client certificate, {Show}";
        }
        return null;
    }

    private static bool Says(Exception e, string alert) => e.Message.Contains(alert, StringComparison.OrdinalIgnoreCase);
}
