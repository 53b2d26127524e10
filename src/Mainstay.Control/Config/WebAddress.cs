namespace Mainstay.Control.Config;

/// <summary>An address on the web, which may be a secret: then the file names the environment variable that holds it.</summary>
/// <param name="Url">As it stands in the file; null: a variable holds it.</param>
/// <param name="Variable">Its name; null: the file holds the address.</param>
public sealed record WebAddress(Uri? Url, string? Variable)
{
    /// <summary>The address now; null while the variable holds none.</summary>
    public Uri? Read() =>
        Url ?? (Uri.TryCreate(Environment.GetEnvironmentVariable(Variable!), UriKind.Absolute, out var url) && url.Scheme is "http" or "https" ? url : null);

    /// <summary>What may stand in messages and pages: paths and queries of webhooks are secrets.</summary>
    public string Shown => Url?.GetLeftPart(UriPartial.Authority) ?? $"${Variable}";
}
