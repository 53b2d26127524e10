using System.Globalization;
using CsvHelper;
using CsvHelper.Configuration;

namespace Mainstay.Control.AiModels;

/// <summary>A text and the label a person gave it.</summary>
public sealed record TextExample(string Text, string Label);

/// <summary>Examples cannot be used; the message names the file, the line, what is wrong and the cure.</summary>
public sealed class TextExamplesException : Exception
{
    /// <summary>Without a message; use the others.</summary>
    public TextExamplesException() { }

    /// <summary>With what is wrong, where, and the cure.</summary>
    public TextExamplesException(string message) : base(message) { }

    /// <summary>With what is wrong, where, the cure, and what the system said.</summary>
    public TextExamplesException(string message, Exception inner) : base(message, inner) { }
}

/// <summary>Reads labelled texts from CSV (RFC 4180, UTF-8): columns <c>text</c> and <c>label</c>, others are ignored.</summary>
public static class TextExamples
{
    private const int MaxRows = 5_000_000;
    private const int MaxLabelChars = 200;

    /// <summary>Reads a file. <see cref="TextExamplesException"/> names the file, the line and the cure.</summary>
    public static IReadOnlyList<TextExample> Read(string path)
    {
        try
        {
            using var reader = new StreamReader(path);
            return Read(reader, path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new TextExamplesException($"{path}: there is no such file. Give a CSV file with the columns text,label.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            throw new TextExamplesException($"{path}: cannot be read: {e.Message} Give a CSV file that this user may read.", e);
        }
    }

    /// <summary>Reads from <paramref name="reader"/>; <paramref name="name"/> stands for the file in messages.</summary>
    public static IReadOnlyList<TextExample> Read(TextReader reader, string name)
    {
        var line = 1;
        TextExamplesException Wrong(string what) => new($"{name}, line {line}: {what}");
        var format = new CsvConfiguration(CultureInfo.InvariantCulture)
        {
            BadDataFound = _ => throw Wrong("a quote stands where none may. Put the field in quotes, double those within it."),
            MissingFieldFound = null,
            DetectColumnCountChanges = false,
        };
        using var csv = new CsvParser(reader, format);
        if (!csv.Read()) throw Wrong("the file is empty. Begin it with the line `text,label`.");
        var header = csv.Record!;
        var text = Array.IndexOf(header, "text");
        var label = Array.IndexOf(header, "label");
        if (text < 0 || label < 0)
            throw Wrong($"the header has no column `{(text < 0 ? "text" : "label")}`. Begin the file with `text,label`.");
        var examples = new List<TextExample>();
        for (line = csv.RawRow + 1; csv.Read(); line = csv.RawRow + 1)
        {
            if (csv.Count != header.Length)
                throw Wrong($"{csv.Count} fields where the header has {header.Length}. Put fields that hold commas in quotes.");
            if (string.IsNullOrWhiteSpace(csv[label]))
                throw Wrong("the label is empty. Write the text's label, or take the row out.");
            if (csv[label].Length > MaxLabelChars)
                throw Wrong($"a label of {csv[label].Length} characters (at most {MaxLabelChars}). Are the columns exchanged?");
            if (examples.Count == MaxRows) throw Wrong($"more than {MaxRows} rows. Give a sample.");
            examples.Add(new TextExample(csv[text], csv[label]));
        }
        if (examples.Count == 0) throw Wrong("there are no rows after the header. Add a line for each text: text,label.");
        return examples;
    }
}
