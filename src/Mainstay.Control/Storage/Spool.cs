using System.Text.Json;

namespace Mainstay.Control.Storage;

/// <summary>
/// The journal's first place: facts as lines of JSON in numbered files of a local folder, on disk before anything is done
/// about them. Needs no database. A database is filled from it later, and files that have been taken over are deleted.
/// Appending and deleting are safe from two threads.
/// </summary>
public sealed class Spool : IDisposable
{
    private const long LargestFile = 1 << 20;
    private const int MostFiles = 256;
    private readonly Lock _lock = new();
    private readonly string _folder;
    private FileStream _file;
    private Fact? _last;

    /// <exception cref="IOException">The folder cannot be made or written.</exception>
    public Spool(string folder)
    {
        _folder = folder;
        Directory.CreateDirectory(folder);
        _last = Files().Reverse().SelectMany(f => Enumerable.Reverse(Read(f))).FirstOrDefault();
        _file = OpenFile((_last?.Sequence ?? 0) + 1);
    }

    /// <summary>Number of the newest fact; 0 if there is none.</summary>
    public long LastSequence => _last?.Sequence ?? 0;

    /// <summary>When the newest fact happened; null if there is none.</summary>
    public DateTimeOffset? LastAt => _last?.At;

    /// <summary>Writes facts and waits until the disk has them.</summary>
    /// <exception cref="IOException">The disk is full or broken: none of the facts counts as written.</exception>
    public void Append(IReadOnlyList<FactDraft> drafts)
    {
        if (drafts.Count == 0)
            return;
        lock (_lock)
        {
            var start = _file.Length;
            var last = _last;
            try
            {
                _file.Seek(0, SeekOrigin.End);
                if (!EndsWithLine(start))
                    _file.WriteByte((byte)'\n');
                foreach (var draft in drafts)
                {
                    last = Fact.After(last, draft.At, draft.Kind, draft.Incident, draft.Who, draft.Text);
                    JsonSerializer.Serialize(_file, last, FactJson.Default.Fact);
                    _file.WriteByte((byte)'\n');
                }
                _file.Flush(flushToDisk: true);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                TakeBack(start);
                throw new IOException($"The journal's spool in {_folder} cannot be written: {e.Message}", e);
            }
            _last = last;
            if (_file.Length > LargestFile)
                NextFile();
        }
    }

    /// <summary>Facts after a sequence number, oldest first, at most so many.</summary>
    public IReadOnlyList<Fact> ReadAfter(long sequence, int most)
    {
        var files = Files().ToList();
        // A file holds the facts from the number it is named after.
        var first = Math.Max(0, files.FindLastIndex(f => FirstOf(f) <= sequence + 1));
        return [.. files.Skip(first).SelectMany(Read).Where(f => f.Sequence > sequence).Take(most)];
    }

    /// <summary>Deletes files whose facts all stand elsewhere; the one with the newest fact stays.</summary>
    public void DeleteThrough(long sequence)
    {
        lock (_lock)
        {
            var files = Files().ToList();
            // The newest fact stays, wherever it stands: the chain goes on from it after a restart.
            for (var i = 0; i + 1 < files.Count && FirstOf(files[i + 1]) <= Math.Min(sequence + 1, LastSequence); i++)
                File.Delete(files[i]);
        }
    }

    public void Dispose() => _file.Dispose();

    private void NextFile()
    {
        try
        {
            // Without a database for very long, the oldest facts go: the disk is for serving, too.
            if (Files().Count() >= MostFiles)
                File.Delete(Files().First());
            var full = _file;
            _file = OpenFile(LastSequence + 1);
            full.Dispose();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The facts are on disk: this file grows until the next append can begin another.
        }
    }

    /// <summary>False if the file ends in half a line, which a crash or a full disk left there.</summary>
    private bool EndsWithLine(long length)
    {
        Span<byte> last = [(byte)'\n'];
        if (length > 0)
            RandomAccess.Read(_file.SafeFileHandle, last, length - 1);
        return last[0] == '\n';
    }

    private void TakeBack(long length)
    {
        try
        {
            _file.SetLength(length);
        }
        catch (IOException)
        {
            // The half line is skipped when the file is read; the next append begins a new one.
        }
    }

    private FileStream OpenFile(long firstSequence) => new(
        Path.Combine(_folder, $"{firstSequence:D12}.jsonl"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, bufferSize: 1);

    private IEnumerable<string> Files() => Directory.EnumerateFiles(_folder, "*.jsonl").Order(StringComparer.Ordinal);

    private static long FirstOf(string file) => long.TryParse(Path.GetFileNameWithoutExtension(file), out var first) ? first : long.MaxValue;

    /// <summary>Whole facts of a file; a line that a crash cut is skipped.</summary>
    private static List<Fact> Read(string path)
    {
        var facts = new List<Fact>();
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        using var reader = new StreamReader(file);
        while (reader.ReadLine() is { } line)
            if (TryParse(line) is { } fact)
                facts.Add(fact);
        return facts;
    }

    private static Fact? TryParse(string line)
    {
        try
        {
            return JsonSerializer.Deserialize(line, FactJson.Default.Fact);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}

/// <summary>A fact before it has its place in the journal.</summary>
public sealed record FactDraft(DateTimeOffset At, string Kind, int? Incident, string Who, string Text);
