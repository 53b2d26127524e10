namespace Mainstay.Routing.Certificates;

/// <summary>
/// The files behind the trust of one service, read again by <see cref="Look"/>. What cannot be read keeps the trust before.
/// One thread looks; any number read <see cref="Current"/>.
/// </summary>
internal sealed class TrustFiles
{
    private readonly Dictionary<string, string> _texts = [];
    private volatile ServerTrust _current;

    /// <summary>Reads the files. If that fails, no server of the service can be reached, and <see cref="Look"/> tries again.</summary>
    public TrustFiles(ServerTls spec)
    {
        Spec = spec;
        _current = TryLoad(out var fault) ?? new ServerTrust(null, null, spec.Name) { Refusal = fault.ToString() };
    }

    public ServerTls Spec { get; }

    public ServerTrust Current => _current;

    /// <summary>Reads the files again if they changed.</summary>
    /// <returns>What people should know of them; null if nothing.</returns>
    public string? Look(DateTimeOffset now)
    {
        foreach (var path in Paths())
        {
            var text = PemFile.TryRead(path, out var unread);
            if (text is null)
                return Kept(unread);
            if (_current.Refusal is not null || _texts.GetValueOrDefault(path) != text)
            {
                if (TryLoad(out var fault) is not { } next)
                    return Kept(fault);
                _current = next;
            }
        }
        return _current.Own is { } own
            ? PemFile.JudgeDates(Spec.Certificate!, own, now) is { Wrong: not null } expired ? expired.ToString() : PemFile.Warning(Spec.Certificate!, own, now)
            : null;
    }

    private string Kept(PemFault fault) => _current.Refusal is null ? $"{fault}; what was read before stays in force" : fault.ToString();

    private IEnumerable<string> Paths() => new[] { Spec.Ca, Spec.Certificate, Spec.Key }.OfType<string>();

    private ServerTrust? TryLoad(out PemFault fault)
    {
        var texts = new Dictionary<string, string>();
        foreach (var path in Paths())
        {
            if (PemFile.TryRead(path, out fault) is not { } text)
                return null;
            texts[path] = text;
        }
        fault = default;
        var authorities = Spec.Ca is { } ca ? PemFile.TryCertificates((ca, texts[ca]), out fault) : null;
        if (fault.Wrong is not null)
            return null;
        var own = Spec is { Certificate: { } certificate, Key: { } key }
            ? PemFile.TryPair((certificate, texts[certificate]), (key, texts[key]), out fault)
            : null;
        if (fault.Wrong is not null)
            return null;
        foreach (var (path, text) in texts)
            _texts[path] = text;
        return new ServerTrust(authorities, own, Spec.Name);
    }
}
