using System.Collections.Immutable;
using System.Text.Json;
using Mainstay.Control.Incidents;
using Mainstay.Control.Mitigation;
using Mainstay.Routing;

namespace Mainstay.Control.Storage;

/// <summary>
/// What Mainstay keeps on the local disk: spool, incidents, reviews, the pause, the last good table. One control plane at a
/// time may have it open.
/// </summary>
public sealed class StateFolder : IDisposable
{
    private readonly FileStream _lock;
    private readonly IncidentFile _incidents;

    private StateFolder(string path, FileStream held)
    {
        (Root, _lock) = (path, held);
        Spool = new Spool(Path.Combine(path, "spool"));
        Pause = new PauseFile(path);
        LastGood = new LastGoodFile(Path.Combine(path, "table.json"));
        Reviews = Path.Combine(path, "reviews");
        _incidents = new IncidentFile(Path.Combine(path, "incidents.json"));
        Drains = new StateFile<DrainsKept>(
            Path.Combine(path, "drains.json"), DrainJson.Default.DrainsKept,
            kept => !kept.Drains.IsDefault && kept.Drains.All(d => d is { Region: not null, Who: not null, Why: not null }));
        Practices = new StateFile<PracticesKept>(
            Path.Combine(path, "practices.json"), PracticeJson.Default.PracticesKept,
            kept => !kept.Practices.IsDefault && kept.Practices.All(p => p is { Region: not null, Who: not null, Why: not null, Services.IsDefault: false }));
        Directory.CreateDirectory(Reviews);
    }

    /// <summary>Its path; absolute.</summary>
    public string Root { get; }

    public Spool Spool { get; }

    public PauseFile Pause { get; }

    public LastGoodFile LastGood { get; }

    /// <summary>What people have drained by hand.</summary>
    internal StateFile<DrainsKept> Drains { get; }

    /// <summary>The last practices.</summary>
    internal StateFile<PracticesKept> Practices { get; }

    /// <summary>Folder of the drafted reviews.</summary>
    public string Reviews { get; }

    /// <summary>Path of the SQLite file.</summary>
    public string Database => Path.Combine(Root, "mainstay.db");

    /// <summary>Opens the folder, and makes it if it is missing.</summary>
    /// <exception cref="IOException">It cannot be made or written, or another control plane has it open; the message says which.</exception>
    public static StateFolder Open(string path)
    {
        FileStream? held = null;
        try
        {
            Directory.CreateDirectory(path);
            held = new FileStream(Path.Combine(path, "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            return new StateFolder(path, held);
        }
        catch (IOException e) when (held is null && File.Exists(Path.Combine(path, "lock")))
        {
            throw new IOException($"The state folder {path} is in use by another mainstay. Stop that one, or name another folder in mainstay.yaml (state).", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            held?.Dispose();
            throw new IOException($"The state folder {path} cannot be written: {e.Message} Name another one in mainstay.yaml (state).", e);
        }
    }

    public ImmutableArray<Incident> ReadIncidents(out string? trouble) => _incidents.Read(out trouble);

    public void WriteIncidents(ImmutableArray<Incident> incidents) => _incidents.Write(incidents);

    /// <summary>Drafts the review of a resolved incident.</summary>
    /// <returns>Name of its file in <see cref="Reviews"/>.</returns>
    /// <exception cref="IOException">It cannot be written.</exception>
    public string WriteReview(Incident incident)
    {
        var name = $"incident-{incident.Number}.md";
        try
        {
            File.WriteAllText(Path.Combine(Reviews, name), Review.Draft(incident));
        }
        catch (UnauthorizedAccessException e)
        {
            throw new IOException(e.Message, e);
        }
        return name;
    }

    /// <summary>Writes the report of a practice that is over into <c>practice/</c>, as Markdown and as JSON.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    public void WriteReport(Practice practice)
    {
        try
        {
            var file = Path.Combine(Root, "practice", $"practice-{practice.Number}");
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            File.WriteAllText(file + ".md", PracticeReport.Draft(practice));
            File.WriteAllText(file + ".json", JsonSerializer.Serialize(practice, PracticeJson.Default.Practice));
        }
        catch (UnauthorizedAccessException e)
        {
            throw new IOException(e.Message, e);
        }
    }

    public void Dispose()
    {
        Spool.Dispose();
        _lock.Dispose();
    }
}
