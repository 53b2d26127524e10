using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Mainstay.Control.AiModels;

/// <summary>
/// The model file: magic (8 bytes), format version (4), length of the whole file (4), content, SHA-256 of all before (32).
/// Little-endian; numbers as 7-bit varints, keys as differences, weights as IEEE 754 half precision. No byte of a file is
/// believed before its checksum is, and none without its bounds: a file from elsewhere may have a right checksum.
/// </summary>
internal static class TextModelFile
{
    private const uint Version = 1;
    private const int HeaderBytes = 16;
    private const int HashBytes = SHA256.HashSizeInBytes;
    private const int MaxBytes = 1 << 30;
    private const string Cure = "Make it anew with `mainstay model train --out FILE`, or copy it again from where it is whole.";
    private static ReadOnlySpan<byte> Magic => "MAINTEXT"u8;

    public static TextClassifier Load(string path)
    {
        byte[] bytes;
        try
        {
            var file = new FileInfo(path);
            if (file.Exists && file.Length > MaxBytes)
                throw new ModelFileException($"{path}: {file.Length} bytes are too many for a model file. {Cure}");
            bytes = File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new ModelFileException(
                $"{path}: there is no such model file. Make one with `mainstay model train --out FILE`.", e);
        }
        catch (Exception e) when (IsOfTheSystem(e))
        {
            throw new ModelFileException(
                $"{path}: the model file cannot be read: {e.Message} Give a file that this user may read.", e);
        }
        return Parse(bytes, path);
    }

    public static TextClassifier Parse(ReadOnlySpan<byte> bytes, string path)
    {
        if (bytes.Length < Magic.Length || !bytes[..Magic.Length].SequenceEqual(Magic))
            throw new ModelFileException($"{path}: this is no model file of Mainstay (it does not begin with MAINTEXT). {Cure}");
        if (bytes.Length < HeaderBytes + HashBytes) throw Truncated(path, bytes.Length, HeaderBytes + HashBytes);
        var version = BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]);
        if (version != Version)
            throw new ModelFileException(
                $"{path}: the model file has format {version}, this program reads {Version}. Make it anew with this program.");
        var length = BinaryPrimitives.ReadUInt32LittleEndian(bytes[12..]);
        if (bytes.Length < length) throw Truncated(path, bytes.Length, length);
        if (bytes.Length != length || !SHA256.HashData(bytes[..^HashBytes]).AsSpan().SequenceEqual(bytes[^HashBytes..]))
            throw new ModelFileException($"{path}: the model file is damaged: its checksum does not fit its content. {Cure}");
        try
        {
            return new TextClassifier(ReadWeights(bytes[HeaderBytes..^HashBytes]), HashOf(bytes));
        }
        catch (InvalidDataException e)
        {
            throw new ModelFileException($"{path}: the model file makes no sense: {e.Message} {Cure}", e);
        }
    }

    public static long Save(TextWeights weights, string path)
    {
        var bytes = ToBytes(weights);
        var partial = path + ".partial";
        try
        {
            File.WriteAllBytes(partial, bytes);
            File.Move(partial, path, overwrite: true);
        }
        catch (Exception e) when (IsOfTheSystem(e))
        {
            throw new ModelFileException(
                $"{path}: the model file cannot be written: {e.Message} Give a folder that exists and may be written to.", e);
        }
        return bytes.Length;
    }

    /// <summary>The SHA-256 that ends a file, in hex.</summary>
    public static string HashOf(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(bytes[^HashBytes..]);

    public static byte[] ToBytes(TextWeights weights)
    {
        using var stream = new MemoryStream();
        using (var writer = new BinaryWriter(stream, Encoding.UTF8, leaveOpen: true))
        {
            writer.Write(Magic);
            writer.Write(Version);
            writer.Write(0u);
            writer.Write(weights.Name);
            writer.Write7BitEncodedInt(weights.Labels.Length);
            foreach (var label in weights.Labels) writer.Write(label);
            writer.Write7BitEncodedInt(weights.Documents);
            writer.Write7BitEncodedInt(weights.Keys.Length);
            var before = 0u;
            foreach (var key in weights.Keys)
            {
                writer.Write7BitEncodedInt64(key - before);
                before = key;
            }
            foreach (var count in weights.Counts) writer.Write7BitEncodedInt(count);
            foreach (var weight in weights.Bias) writer.Write((Half)weight);
            foreach (var weight in weights.Weights) writer.Write((Half)weight);
        }
        var bytes = new byte[stream.Length + HashBytes];
        stream.GetBuffer().AsSpan(0, (int)stream.Length).CopyTo(bytes);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(12), (uint)bytes.Length);
        SHA256.HashData(bytes.AsSpan(0, bytes.Length - HashBytes), bytes.AsSpan(bytes.Length - HashBytes));
        return bytes;
    }

    private static TextWeights ReadWeights(ReadOnlySpan<byte> content)
    {
        var reader = new ModelReader(content);
        var name = reader.Text("the name");
        var labels = new string[reader.Number("the number of labels", 2, TextWeights.MaxLabels)];
        for (var i = 0; i < labels.Length; i++) labels[i] = reader.Text("a label");
        var documents = reader.Number("the number of texts", 1, int.MaxValue);
        // A feature takes 2 bytes for its key and count and 2 for each weight at least: no small file asks for much memory.
        var outputs = TextWeights.OutputsFor(labels.Length);
        var most = Math.Min(TextWeights.MaxFeatures, reader.Left / (2 + (2 * outputs)));
        var keys = new uint[reader.Number("the number of features", 0, most)];
        var key = 0L;
        for (var i = 0; i < keys.Length; i++)
        {
            key += reader.Number("the distance of a key", i == 0 ? 0 : 1, uint.MaxValue - key);
            keys[i] = (uint)key;
        }
        var counts = new int[keys.Length];
        for (var i = 0; i < counts.Length; i++) counts[i] = (int)reader.Number("a feature's count", 1, documents);
        var bias = reader.Weights(outputs);
        var weights = reader.Weights(keys.Length * outputs);
        if (reader.Left != 0) throw new InvalidDataException($"{reader.Left} bytes are left over at its end.");
        return new TextWeights(name, labels, (int)documents, keys, counts, bias, weights);
    }

    private static ModelFileException Truncated(string path, long has, long needs) =>
        new($"{path}: the model file is cut off: {has} bytes of {needs}. {Cure}");

    private static bool IsOfTheSystem(Exception e) =>
        e is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException;
}

/// <summary>Reads a model file's content, every number within its bounds; else <see cref="InvalidDataException"/>.</summary>
internal ref struct ModelReader(ReadOnlySpan<byte> bytes)
{
    private const int MaxTextBytes = 1024;
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
    private ReadOnlySpan<byte> _left = bytes;

    public readonly int Left => _left.Length;

    public long Number(string what, long least, long most)
    {
        var value = 0L;
        for (var shift = 0; shift < 63; shift += 7)
        {
            var part = Take(1, what)[0];
            value |= (long)(part & 0x7F) << shift;
            if (part < 0x80)
                return value >= least && value <= most
                    ? value
                    : throw new InvalidDataException($"{what} is {value}, not {least} to {most}.");
        }
        throw new InvalidDataException($"{what} has no end.");
    }

    public string Text(string what)
    {
        var encoded = Take((int)Number(what, 0, MaxTextBytes), what);
        try
        {
            return Strict.GetString(encoded);
        }
        catch (DecoderFallbackException e)
        {
            throw new InvalidDataException($"{what} is not UTF-8.", e);
        }
    }

    public float[] Weights(int count)
    {
        var halves = Take(count * sizeof(ushort), "the weights");
        var weights = new float[count];
        for (var i = 0; i < count; i++)
        {
            weights[i] = (float)BinaryPrimitives.ReadHalfLittleEndian(halves[(2 * i)..]);
            if (!float.IsFinite(weights[i])) throw new InvalidDataException("a weight is no finite number.");
        }
        return weights;
    }

    private ReadOnlySpan<byte> Take(int count, string what)
    {
        if (count > _left.Length) throw new InvalidDataException($"it ends within {what}.");
        var taken = _left[..count];
        _left = _left[count..];
        return taken;
    }
}
